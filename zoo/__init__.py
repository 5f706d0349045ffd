"""Model zoo for remote photoplethysmography."""
