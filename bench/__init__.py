"""The numbers: the reference and the kit against C, against other libraries, and against their targets.

Run ``python -m bench`` from the checkout; it is not part of the wheel.
"""
