"""The oracle: the same commands to two servers, every reply and every message compared.

README.md in the folder above tells how the parts fit together.
"""
