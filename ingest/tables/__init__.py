"""Tables that people bring: sheets, their headers and cells, archives of meters."""
