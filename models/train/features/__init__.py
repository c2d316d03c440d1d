"""How the station's own feature net is made: from pictures rendered here, with two losses."""
