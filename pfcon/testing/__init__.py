"""The contracts of pfcon's seams as tests, for packages that have an engine or a storage of their own.

``pip install pfcon[testing]`` installs pytest with it. pfcon is a plugin of pytest then, which gives the fixture
``storebase`` and shows the assertions of the contracts in detail.

A module of tests that runs the contract of compute engines (``pfcon.compute.base.ComputeEngine``) has a fixture
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

``Capabilities`` names what the engine lacks. Each text is the reason that its skipped tests show.

The contract of storages (``pfcon.storage.base.Storage``) uses a fixture ``harness``. ``MyHarness`` derives from
``pfcon.testing.storage.StorageHarness``: it makes the storage, offers inputs to it and reads outputs from it::

    import pytest
    from my_package import MyHarness

    from pfcon.testing.storage.contract import *

    @pytest.fixture
    def harness(storebase):
        made = MyHarness(storebase)
        made.make()
        yield made
        made.destroy()

Each topic is a module of its own (``pfcon.testing.compute.life``, ...), to be imported in the same way where several
modules of tests are wanted. ``CONTRACT`` is the list of all checks, each a function of the harness; where an engine
makes every job wait, ``pfcon.testing.compute.side_by_side`` runs them at the same time.
"""
