#!/bin/sh
# SPDX-License-Identifier: MIT
# The programs in Chinese: every message of the sources has its translation, with the same conversions, and a program in a Chinese locale speaks it,
# while what other programs read stays as it is.
# check_language.sh PROGRAM SOURCE_DIRECTORY
set -u
program=$1 source=$2 po=$2/examples/po/zh_CN.po
. "$(dirname "$0")/../support/verdict.sh"

if ! command -v msgfmt >/dev/null || ! command -v xgettext >/dev/null; then
    skip "no gettext: translations"
    conclude
    exit
fi

# What is marked, what is printed as a line, and what is said of wrong usage.
extract() {
    (cd "$source/examples" && find . -name '*.c' ! -path './study/*' ! -name 'depth_study.c' ! -name 'fashion_mnist.c' ! -name '0*.c' ! -name 'tutorial.c' |
        sort | xgettext --language=C --from-code=UTF-8 --keyword=_ --keyword=N_ --keyword=text_line:2 --keyword=args_usage:2 --flag=text_line:2:c-format \
        --files-from=- -o "$scratch/resnet.pot")
}
complete() { msgcmp "$po" "$scratch/resnet.pot" 2>&1 | grep -v "this message is not used" >"$scratch/missing"; ! test -s "$scratch/missing" || { cat "$scratch/missing"; return 1; }; }
check "the translation is well-formed, and has the conversions of its messages" msgfmt -c -o "$scratch/zh_CN.mo" "$po"
check "messages are found in the sources" extract
check "every message of the sources is translated" complete

# Translations that were built lie beside the program. A locale of one's own, or else LANGUAGE, asks for them.
if [ ! -f "$(dirname "$program")/../share/locale/zh_CN/LC_MESSAGES/resnet.mo" ]; then
    skip "the translations were not built"
    conclude
    exit
fi
if command -v localedef >/dev/null && localedef -i zh_CN -f UTF-8 "$scratch/zh_CN.UTF-8" >/dev/null 2>&1; then
    chinese() { env -u LANGUAGE LOCPATH="$scratch" LC_ALL=zh_CN.UTF-8 "$program" "$@"; }
elif LC_ALL=C.UTF-8 LANGUAGE=zh_CN "$program" --help | grep -q 用法; then
    chinese() { LC_ALL=C.UTF-8 LANGUAGE=zh_CN "$program" "$@"; }
else
    skip "no locale to speak Chinese in"
    conclude
    exit
fi
says() { # WORDS ARGUMENTS...
    words=$1
    shift
    chinese "$@" >"$scratch/said" 2>&1
    grep -F -e "$words" "$scratch/said" || { cat "$scratch/said"; return 1; }
}
helped() { # COMMAND: each option's help is translated, and fits
    chinese "$1" --help-all >"$scratch/help" && test -s "$scratch/help" &&
        ! grep -E '^  --[a-z-]+ ' "$scratch/help" | grep -v -P '[^\x00-\x7f]' && test "$(LC_ALL=C.UTF-8 wc -L <"$scratch/help")" -le 80 &&
        chinese "$1" --help >"$scratch/help" && test "$(wc -l <"$scratch/help")" -le 30
}
same() { chinese "$@" >"$scratch/a" 2>/dev/null; LC_ALL=C "$program" "$@" >"$scratch/b" 2>/dev/null; test -s "$scratch/a" && cmp "$scratch/a" "$scratch/b"; }

check "help" says "用法：resnet 命令" --help
check "a wrong option" says "没有选项 --epoch；最接近的是 --epochs（详见 --help）" train photos --epoch 3
check "wrong usage" says "缺少图片文件夹" train
check "a message with numbers" says "训练：650 个参数（共 269722 个），Adam" bench --arch cifar_resnet20 --mode frozen --batch 2 --threads 1
for command in $(LC_ALL=C "$program" --help | sed -n 's/^  \([a-z][a-z]*\)  .*/\1/p'); do
    check "$command: each option's help is Chinese and fits" helped "$command"
done
# Two classes, black and white.
for part in train valid; do
    for number in 1 2 3 4 5; do
        mkdir -p "$scratch/photos/$part/black" "$scratch/photos/$part/white"
        { printf 'P6 32 32 255\n' && head -c 3072 /dev/zero; } >"$scratch/photos/$part/black/$part$number.ppm"
        { printf 'P6 32 32 255\n' && head -c 3072 /dev/zero | tr '\0' '\377'; } >"$scratch/photos/$part/white/$part$number.ppm"
    done
done
trains() { # WORDS OUT ARGUMENTS...
    words=$1 out=$2
    shift 2
    says "$words" train "$scratch/photos" --arch cifar_resnet20 --from-scratch --epochs 1 --threads 1 --out "$scratch/$out" "$@"
}
check "a training says what it understood" trains "训练：整个网络 1 个 epoch（269202 个参数），学习率 0.001；Adam，学习率每次乘以 0.1，间隔 7 个 epoch，batch 大小 8；配方 tutorial" run
check "and what came of it" grep -F "最佳验证准确率 0.5000：网络保存在 $scratch/run/best.safetensors" "$scratch/said"
check "an epoch is a line" grep -E "^all 1/1  训练损失 [0-9.]+ 准确率 [0-9.]+  验证损失" "$scratch/said"
check "advice is Chinese" trains "--resume 继续训练，--out 目录 则另起一次训练" run
check "JSON lines of a training" trains "\"outcome\": \"done\"" again --json
check "events have their names in every language" sh -c 'grep -q "^{\"event\": \"epoch\", \"phase\": \"all\", \"epoch\": 1, .*\"lr\": 0.001" "$1"' sh "$scratch/said"
check "JSON is the same in every language" same list resnet18 --json
check "tables of a checkpoint" says "个张量，" checkpoint list "$scratch/run/best.safetensors"
check "what two checkpoints have in common" says "相同：" checkpoint diff "$scratch/run/best.safetensors" "$scratch/run/best.safetensors"
check "and what not" says "不同：" checkpoint diff "$scratch/run/best.safetensors" "$scratch/run/last.safetensors"
check "JSON of a checkpoint" same checkpoint list "$scratch/run/best.safetensors" --json
check "another language speaks English" sh -c 'LC_ALL=C.UTF-8 LANGUAGE=xx "$1" --help | grep -q "^usage: "' sh "$program"
conclude
