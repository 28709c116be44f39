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

# What common/sentence.c knows of the library's sentences, the library says: each piece between two holes is in one of its strings, in which what
# printf fills in is a hole, too.
known() {
    find "$source/lib" -name '*.c' -exec cat {} + | sed -z 's/"[ \n]*"//g' | sed -E 's/%[-0-9.*]*(ll|z)?[a-z]/%s/g; s/(%s)+/%s/g' >"$scratch/lib.txt"
    xgettext --no-wrap --keyword=N_ --language=C --from-code=UTF-8 -o - "$source/examples/common/sentence.c" |
        sed -n 's/^msgid "\(.*%s.*\)"$/\1/p' >"$scratch/sentences"
    sed 's/%s/\n/g' "$scratch/sentences" | sed 's/^[ :;]*//; s/[ :;]*$//' | grep . | sort -u >"$scratch/pieces"
    while IFS= read -r piece; do grep -qF -e "$piece" "$scratch/lib.txt" || echo "the library never says: $piece"; done <"$scratch/pieces" >"$scratch/missing"
    test "$(wc -l <"$scratch/sentences")" -gt 40 && ! test -s "$scratch/missing" || { cat "$scratch/missing"; return 1; }
}
check "the library's sentences that are translated are the library's" known

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
        chinese "$1" --help >"$scratch/help" && test "$(wc -l <"$scratch/help")" -le 23
}
same() { chinese "$@" >"$scratch/a" 2>/dev/null; LC_ALL=C "$program" "$@" >"$scratch/b" 2>/dev/null; test -s "$scratch/a" && cmp "$scratch/a" "$scratch/b"; }

check "help" says "用法：resnet 命令" --help
check "a wrong option" says "没有选项 --epoch；最接近的是 --epochs（详见 --help）" train photos --epoch 3
check "wrong usage" says "缺少照片文件夹" train
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
for part in train valid; do # larger ones
    mkdir -p "$scratch/large/$part/black"
    { printf 'P6 40 32 255\n' && head -c 3840 /dev/zero; } >"$scratch/large/$part/black/$part.ppm"
done
trains() { # WORDS OUT ARGUMENTS...
    words=$1 out=$2
    shift 2
    says "$words" train "$scratch/photos" --arch cifar_resnet20 --from-scratch --epochs 1 --threads 1 --out "$scratch/$out" "$@"
}
check "a training says what it understood" trains "训练：整个网络 1 个 epoch（269202 个参数），学习率 0.001；Adam，每 7 个 epoch 学习率乘以 0.1，batch 大小 8；配方 tutorial" run
check "and what came of it" grep -F "最佳验证准确率 0.5000：网络保存在 $scratch/run/best.safetensors" "$scratch/said"
check "an epoch is a line" grep -E "^all 1/1  训练损失 [0-9.]+ 准确率 [0-9.]+  验证损失" "$scratch/said"
check "advice is Chinese" trains "--resume 继续训练，--out 目录 则另起一次训练" run
check "a folder without what is expected" says "里面没有名为 train 或 training 的文件夹；照片应放在 DATA/train/类别/ 和 DATA/valid/类别/ 下" \
    train "$scratch/photos/train" --arch cifar_resnet20 --from-scratch --out "$scratch/x"
check "classes of few photos" sh -c 'rm "$1"/photos/train/black/train5.ppm' sh "$scratch"
check "are warned of" trains "警告：有 1 个类别（共 2 个）的训练照片少于 5 张（black: 4）：几乎学不会" few
printf 'GIF89a' >"$scratch/photos/train/black/train5.ppm"
check "a photo that cannot be used" trains "train5.ppm：不属于能读的图片格式 JPEG, PNG, BMP, PNM" bad
check "what helps, behind it" grep -F "；--skip-bad-photos 会跳过这样的照片" "$scratch/said"
check "a photo that is left out" trains "警告：已跳过：$scratch/photos/train/black/train5.ppm：不属于" skip --skip-bad-photos
check "the same of a photo to be predicted" says "，而是 GIF" predict "$scratch/run/best.safetensors" "$scratch/photos/train/black/train5.ppm"
check "a photo of another size" says "可用流水线把照片缩放到网络的输入尺寸：--pipeline \"Resize(32, 32), ToTensor()" train "$scratch/large" \
    --arch cifar_resnet20 --from-scratch --epochs 1 --threads 1 --out "$scratch/x"
check "weights that are missing" says "nofile.pth: " train "$scratch/photos" --arch cifar_resnet20 --weights nofile.pth --out "$scratch/x"
check "weights that are none" says "既不是 safetensors，也不是 torch.save 写出的文件" train "$scratch/photos" --arch cifar_resnet20 \
    --weights "$scratch/photos/train/black/train5.ppm" --out "$scratch/x"
check "weights of another network" says "：它是为 cifar_resnet20 写的；缺少：layer1.3.conv1.weight, layer1.3.bn1.weight" train "$scratch/photos" --arch cifar_resnet56 \
    --weights "$scratch/run/best.safetensors" --out "$scratch/x"
check "a network that there is not" says "没有名为“resnet19”的网络；可用的有 resnet18, " train "$scratch/photos" --arch resnet19 --from-scratch --out "$scratch/x"
check "a loss that diverges" trains "学习率 1e+06 使训练发散" wild --lr 1e6 --batch 2 --skip-bad-photos
check "a run that was begun otherwise" trains "开始时的随机种子是 0，不是 4。此处可用：给出开始时的设置" run --resume --seed 4
check "JSON lines of a training" trains "\"outcome\": \"done\"" again --json --skip-bad-photos
check "events have their names in every language" sh -c 'grep -q "^{\"event\": \"epoch\", \"phase\": \"all\", \"epoch\": 1, .*\"lr\": 0.001" "$1"' sh "$scratch/said"
check "JSON is the same in every language" same list resnet18 --json
check "tables of a checkpoint" says "个张量，" checkpoint list "$scratch/run/best.safetensors"
check "what two checkpoints have in common" says "相同：" checkpoint diff "$scratch/run/best.safetensors" "$scratch/run/best.safetensors"
check "and what not" says "不同：" checkpoint diff "$scratch/run/best.safetensors" "$scratch/run/last.safetensors"
check "JSON of a checkpoint" same checkpoint list "$scratch/run/best.safetensors" --json
check "another language speaks English" sh -c 'LC_ALL=C.UTF-8 LANGUAGE=xx "$1" --help | grep -q "^usage: "' sh "$program"
conclude
