"""Reading codes: looks at prepared pictures, readings that agree, quality, GS1, check digits."""
