"""One reader a public data set: each lists Recordings and decodes nothing."""
