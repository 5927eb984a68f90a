"""What the documents say is so: commands run, links lead somewhere, the site builds, both languages say the same."""
