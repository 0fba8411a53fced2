"""Object storage. ``store`` is the interface of an object store; ``swift`` and ``s3`` implement it.

``listing``, ``download`` and ``upload`` transfer a job's data through that interface; all of them use the other modules
here. Which package may import which is a rule of ``tests/unit/test_architecture.py``.
"""
