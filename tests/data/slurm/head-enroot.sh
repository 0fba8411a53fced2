#!/bin/sh
PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin:$PATH
JOB=/store/.pfcon/slurm/.5f
NOW=/store/.pfcon/slurm/.5f/now
PROGRAM=enroot
GRACE=8
TASKS=2
CORES=2
FIRST=33554432
PART=16777216
BLOCK=65536
BLOCKS=16
MPI=none
NUMBERS='PFCON_WORKER JOB_COMPLETION_INDEX'
KEPT=''
GPUS=''
stop() { kill -KILL "$child"; }
