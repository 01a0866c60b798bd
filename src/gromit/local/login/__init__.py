"""Logins at a local cloud: made-up people, and the OpenID Connect provider that knows them."""
