"""The OpenAPI document of the HTTP interface, made from the resources, their forms and the types of their answers."""
