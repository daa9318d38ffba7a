"""Tests of Kvartal: each file lies where its module lies; `sites` and its neighbours build what tests share."""
