"""The process of a Python model: Triton's Python backend interface, served over the engine's sockets.

Pure Python 3.9 or newer and numpy. It imports nothing of the rest of triton_lite: a model runs in an interpreter of its
own choice, where only this folder is known, at the end of sys.path. So the folder holds nothing but the modules that
models import by name, and one package with everything else.
"""
