"""One use case a module: load, plan, (show,) apply.

They know the core and the ports, never a library of AWS or HTTP.
"""
