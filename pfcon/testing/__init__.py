"""The contracts of pfcon's interfaces as tests, for packages with an engine or a storage of their own.

``pip install pfcon[testing]`` also installs pytest. pfcon then is a pytest plugin, which provides the fixture
``storebase`` and shows failed assertions of the contracts in detail.

A test module for the contract of compute engines (``pfcon.compute.base.ComputeEngine``) must define a fixture
``compute``::

    import pytest
    from my_package import MyEngine

    from pfcon.testing.compute import Capabilities, Harness
    from pfcon.testing.compute.contract import *

    @pytest.fixture
    def compute(storebase):
        harness = Harness(
            MyEngine(storebase, "http://127.0.0.1:8080"),
            storebase,
            image="my-registry/image-of-test-jobs:1",
            can=Capabilities(shm="my engine's nodes decide on /dev/shm", keeper="my engine itself keeps its jobs"),
            make_dead=lambda: MyEngine(storebase, "http://127.0.0.1:1"),
        )
        yield harness
        harness.close()

``Capabilities`` lists what the engine does not support. Each text is the reason that skipped tests show.

The contract of storages (``pfcon.storage.base.Storage``) uses a fixture ``harness``. ``MyHarness`` is derived from
``pfcon.testing.storage.StorageHarness``: it creates the storage, provides inputs to it and reads outputs from it::

    import pytest
    from my_package import MyHarness

    from pfcon.testing.storage.contract import *

    @pytest.fixture
    def harness(storebase):
        made = MyHarness(storebase)
        made.make()
        yield made
        made.destroy()

Each topic is a module (``pfcon.testing.compute.life``, ...) that can be imported in the same way, to have several test
modules. ``CONTRACT`` is the list of all checks, which are functions of the harness. For engines that are slow to start
jobs, ``pfcon.testing.compute.side_by_side`` runs the checks concurrently.
"""
