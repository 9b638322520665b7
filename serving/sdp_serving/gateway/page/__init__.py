"""The web page of the gateway: static files, and what serves them."""
