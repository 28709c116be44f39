# SPDX-License-Identifier: MIT
# For scripts that start processes with mpirun: more than there are cores, in a container's root, waiting without
# spinning (for Open MPI; MPICH takes no notice). Under the sanitizers, what MPI keeps until the end is no leak of ours.
export OMPI_ALLOW_RUN_AS_ROOT=1 OMPI_ALLOW_RUN_AS_ROOT_CONFIRM=1 OMPI_MCA_rmaps_base_oversubscribe=1
export OMPI_MCA_mpi_yield_when_idle=1 OMPI_MCA_btl_vader_single_copy_mechanism=none OMP_WAIT_POLICY=passive
export ASAN_OPTIONS=detect_stack_use_after_return=1:strict_string_checks=1:detect_leaks=0

# The files of two runs are the same.
same_run() # DIRECTORY DIRECTORY
{
    for file in best.safetensors last.safetensors history.jsonl; do
        cmp "$1/$file" "$2/$file" || return 1
    done
}

# The last of the processes that a launcher, and what it launched, started.
last_below() # PROCESS
{
    process=$1
    while child=$(pgrep -P "$process" | tail -n 1) && [ -n "$child" ]; do
        process=$child
    done
    echo "$process"
}
