"""Savings of a contract: expected use, uncertainty, doubts, grade, money."""
