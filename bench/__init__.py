"""The numbers: the reference and the kit against C, against other libraries, and against their targets.

Run from the checkout with ``python -m bench``; it is not part of the wheel.
"""
