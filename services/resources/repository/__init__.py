"""The statements of resources: what events told (`facts`), the load made of it (`load`), what is read (`reading`)."""
