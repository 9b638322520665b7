"""What happens between a request and its pictures, without any I/O.

`flow.generate` is a generator: it yields calls of model servers, is sent their answers, and returns the pictures.
Whoever drives it, from a client or in the gateway, decides how calls travel.
"""
