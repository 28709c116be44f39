#!/bin/sh
# SPDX-License-Identifier: MIT
# What whoever runs `resnet train` under mpirun reads when something fails: the sentences of docs/many-machines.md.
# check_failures.sh MPIRUN RESNET MPI_RUN
set -u
mpirun=$1 resnet=$2
. "$(dirname "$0")/../support/verdict.sh"
. "$(dirname "$0")/processes.sh"
photos=$scratch/photos
options="--arch squeezenet1_1 --from-scratch --threads 1 --out $scratch/run --epochs"

two() # PHOTOS OPTION...: process 1 is given these photos, and these options in addition
{
    # shellcheck disable=SC2086
    timeout 120 "$mpirun" -n 1 "$resnet" train "$photos" $options 1 : -n 1 "$resnet" train $options 1 "$@" \
        >"$scratch/said" 2>"$scratch/log"
}

refused() # NAME SENTENCE PHOTOS OPTION...: it ends with the sentence, said once, in a line that has nothing else
{
    name=$1 sentence=$2
    shift 2
    two "$@"
    status=$?
    [ $status -ne 0 ] && [ $status -ne 124 ] && [ "$(grep -cxF "resnet train: $sentence" "$scratch/log")" -eq 1 ]
    verdict "$name" $?
}

# When the first of many epochs is on the disk.
kill_one()
{
    rm -rf "$scratch/run"
    # shellcheck disable=SC2086
    timeout 120 "$mpirun" -n 2 "$resnet" train "$photos" $options 50 >"$scratch/log" 2>&1 &
    launcher=$!
    until [ -f "$scratch/run/last.safetensors" ] || ! kill -0 $launcher 2>/dev/null; do
        sleep 0.1
    done
    kill -KILL "$(last_below $launcher)"
    ! wait $launcher && grep -qE "signal 9|SIGNAL: 9|EXIT CODE: 9" "$scratch/log"
}

mkdir "$photos"
"$3" photos "$photos" || exit 1
for other in fewer renamed broken; do
    cp -r "$photos" "$scratch/$other"
done
rm "$scratch/fewer/train/class1/train_000.bmp"
for part in train valid; do
    mv "$scratch/renamed/$part/class1" "$scratch/renamed/$part/class9"
done
echo BM >"$scratch/broken/train/class2/train_004.bmp"

differs="process 1 of 2 has another"
same="than process 0: all have to run the same"
refused "other photos" "$differs set of training photos $same" "$scratch/fewer"
refused "other classes" "$differs class table $same" "$scratch/renamed"
refused "another batch" "$differs batch size $same" "$photos" --batch 16
refused "another seed" "$differs set of weights to begin with $same" "$photos" --seed 1
refused "another rate" "$differs set of options of the phase $same" "$photos" --lr 1e-2
refused "a photo that does not decode in one process" \
    "process 1 of 2: $scratch/broken/train/class2/train_004.bmp: the BMP is cut short" "$scratch/broken"
kill_one; verdict "a process that is killed" $?
conclude
