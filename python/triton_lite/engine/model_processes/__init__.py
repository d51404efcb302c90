"""The processes that models of the Python backend run in: one for each instance.

This side starts them, tells them what to load, hears of their death and starts them again. Requests reach them without
it: from the data plane (`_native.ModelLink`) over sockets that are made here and inherited by the process.
"""
