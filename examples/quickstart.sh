#!/bin/sh
# SPDX-License-Identifier: MIT
#
# The main job, whole, on a machine that has nothing yet: installs what is missing (Debian), builds, trains, predicts.
#
#   examples/quickstart.sh                   on clothes (Debian's package dataset-fashion-mnist); under three minutes
#                                            on two cores
#   examples/quickstart.sh PHOTOS WEIGHTS    on your own: PHOTOS/train/CLASS/*, PHOTOS/valid/CLASS/* (or val), and
#                                            weights of torchvision, named like resnet18-f37072fd.pth; a third argument
#                                            says which network if the name does not
set -eu

root=$(cd "$(dirname "$0")/.." && pwd)
bin=$root/build/release/bin
work=$root/build/quickstart/clothes
own=$root/build/quickstart/own
begun=$(date +%s)
# A thread that waits leaves its core to others: on a machine that is busy already that is worth a factor.
OMP_WAIT_POLICY=${OMP_WAIT_POLICY:-passive}
export OMP_WAIT_POLICY

say() { printf '\n== %s (%s s)\n' "$1" "$(($(date +%s) - begun))"; }
fail() { printf 'quickstart: %s\n' "$1" >&2; exit 1; }

install_packages() {
    command -v dpkg-query > /dev/null || return 0 # not Debian: the build says what it misses
    missing=
    for package in "$@"; do
        dpkg-query -W -f '${Status}' "$package" 2> /dev/null | grep -q 'ok installed' || missing="$missing $package"
    done
    [ -n "$missing" ] || return 0
    say "installing$missing"
    if [ "$(id -u)" = 0 ]; then
        sudo=
    elif command -v sudo > /dev/null; then
        sudo=sudo
    else
        fail "please install:$missing"
    fi
    $sudo apt-get update -qq
    # shellcheck disable=SC2086 # the names are meant to be split
    DEBIAN_FRONTEND=noninteractive $sudo apt-get install -y -qq --no-install-recommends $missing > /dev/null
}

build() {
    say "building"
    cd "$root"
    cmake --preset release > /dev/null
    cmake --build --preset release --target finetune evaluate predict fashion_mnist > /dev/null
    cd - > /dev/null
}

# The best validation accuracy of a phase: best_of DIRECTORY PHASE
best_of() {
    grep "\"phase\":\"$2\"" "$1/history.jsonl" | sed 's/.*"valid_accuracy":\([0-9.e-]*\).*/\1/' |
        awk '$1 > best { best = $1 } END { printf "%.3f", best }'
}

network_of() {
    case $(basename "$1") in
    resnet18*) echo resnet18 ;;
    resnet34*) echo resnet34 ;;
    resnet50*) echo resnet50 ;;
    resnet101*) echo resnet101 ;;
    resnet152*) echo resnet152 ;;
    squeezenet1_0*) echo squeezenet1_0 ;;
    *) fail "$1 does not say which network it is of: give its name as the third argument" ;;
    esac
}

own_photos() {
    photos=$1 weights=$2 network=${3:-}
    [ -n "$network" ] || network=$(network_of "$weights")
    set -- "$photos" --arch "$network" --weights "$weights" --out "$own" --frozen-epochs 4 --epochs 2
    [ ! -f "$photos/cat_to_name.json" ] || set -- "$@" --labels "$photos/cat_to_name.json"
    [ ! -f "$own/last.safetensors" ] || set -- "$@" --resume
    say "fine-tuning $network to $photos: the head alone, then everything (Ctrl-C stops it, the same command goes on)"
    "$bin/finetune" "$@"
    say "predicting"
    valid=$photos/valid
    [ -d "$valid" ] || valid=$photos/val
    find "$valid" -type f \( -iname '*.jpg' -o -iname '*.jpeg' -o -iname '*.png' \) | sort |
        awk 'NR % 37 == 1' | head -n 4 | tr '\n' '\0' | xargs -0 "$bin/predict" "$own/best.safetensors" --top 3
    say "done: the network is $own/best.safetensors, the history $own/history.jsonl"
}

clothes() {
    prepare='Resize(32, 32), ToTensor(), Normalize(0.286 0.286 0.286, 0.353 0.353 0.353)'
    mirror="RandomHorizontalFlip(0.5), $prepare"
    rm -rf "$work"
    mkdir -p "$work"

    say "writing pictures: 6 classes to learn from, 4 others with 100 pictures each"
    "$bin/fashion_mnist" "$work/base" --classes 013589 --train 800 --valid 100
    "$bin/fashion_mnist" "$work/new" --classes 2467 --train 100 --valid 150

    say "training a residual network of 20 layers on t-shirt, trouser, dress, sandal, bag, ankle-boot"
    "$bin/finetune" "$work/base" --arch cifar_resnet20 --from-scratch --epochs 3 --lr 3e-3 --lr-step 2 --batch 32 \
        --pipeline "$prepare" --training-pipeline "$mirror" --out "$work/pretrained"

    say "fine-tuning it to pullover, coat, shirt, sneaker: the head alone, then everything"
    set -- --arch cifar_resnet20 --lr 2e-3 --batch 16 --seed 1 --pipeline "$prepare" --training-pipeline "$mirror"
    { "$bin/finetune" "$work/new" "$@" --weights "$work/pretrained/best.safetensors" --frozen-epochs 4 --epochs 8 \
        --lr-step 5 --measure-before --out "$work/run" || touch "$work/failed"; } | tee "$work/run.log"
    [ ! -e "$work/failed" ] || exit 1

    say "the same pictures as often, without the pretrained network"
    "$bin/finetune" "$work/new" "$@" --from-scratch --epochs 12 --lr-step 8 --out "$work/scratch" > "$work/scratch.log"
    tail -n 2 "$work/scratch.log"

    say "predicting pictures that no network has seen"
    for class in pullover coat shirt sneaker; do
        find "$work/new/valid/$class" -name '*.png' | sort | head -n 1
    done | tr '\n' '\0' | xargs -0 "$bin/predict" "$work/run/best.safetensors" --top 2

    cat << EOT

validation accuracy on the four new classes (chance is 0.25)
  before training, head random          $(sed -n 's/^before training:.*accuracy //p' "$work/run.log")
  head trained, backbone frozen         $(best_of "$work/run" frozen)
  then everything trained               $(best_of "$work/run" all)
  everything trained, but from scratch  $(best_of "$work/scratch" all)

The network is    $work/run/best.safetensors
Its history       $work/run/history.jsonl
Try               $bin/predict $work/run/best.safetensors PICTURE...
EOT
    say "done"
}

[ $# = 0 ] || [ $# = 2 ] || [ $# = 3 ] || fail "give nothing, or PHOTOS and WEIGHTS"
install_packages build-essential cmake pkg-config libcjson-dev libcmocka-dev libjpeg-dev libstb-dev zlib1g-dev
[ $# != 0 ] || install_packages dataset-fashion-mnist
build
if [ $# = 0 ]; then clothes; else own_photos "$@"; fi
