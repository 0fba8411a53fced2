"""Rounds of random faults under random jobs: ``tests/faults.sh`` runs them, and counts what went wrong.

options    what the command line says
schedule   which faults strike when, and which jobs run meanwhile: all from one seed
site       a service with all that can be taken away from it
store      an object store behind a relay, and users' data in it
processes  the processes of a site, machine: the end of all of them
faults     taking it away, and giving it back
client     a client that repeats what was not answered, as ChRIS does
lives      whole lives of jobs, from inputs to deletion; zip_life and staged_lives: in the two interfaces
runs       how often each job has run
tally      the table
"""
