#!/usr/bin/env bash
# Makes the pictures of docs/gallery.md again, from the programs of build/ and small runs: a few
# minutes on two cores.
#
#   scripts/make_gallery.sh [BUILD]
set -euo pipefail

cd "$(dirname "$0")/.."
build=$(realpath "${1:-build}")
out=docs/gallery
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT

# picture NAME ARGUMENT...: one trace, under this name.
picture() {
  local name=$1
  shift
  "$build/lutra-analyze" trace "$@" --out "$work/$name" > /dev/null
  mv "$work/$name"/*.svg "$work/$name.svg"
}

picture trace-lookup lookup:elements=16,index_bits=4,bits=16
picture trace-lookup-direct lookup:elements=16,index_bits=4,bits=16 --sharing replicated --lookup direct
picture trace-product-masked matrix_product:rows=4,inner=8,columns=4
picture trace-product-replicated matrix_product:rows=4,inner=8,columns=4 --linear replicated
picture trace-reshare reshare:elements=16
picture trace-softmax softmax:rows=4,width=16
picture trace-layer models/pretrained/sms-spam-tiny.safetensors --path layers.0

"$build/lutra-sim" synthetic:hidden=16,layers=1,heads=2,sequence=8,vocabulary=64 \
  --seed 1 --threads 1 --quiet --out "$work/run" > /dev/null
(cd "$work" && "$build/lutra-analyze" trace run --path layers.0.attention.softmax \
  --out run-trace > /dev/null)
mv "$work"/run-trace/*.svg "$work/trace-run.svg"

"$build/lutra-analyze" graph models/pretrained/sms-spam-tiny.safetensors --out "$work/graph" \
  > /dev/null

"$build/lutra-analyze" report "$work/run" --out "$work/report" > /dev/null
for figure in split rounds; do
  mv "$work/report/figures/$figure.svg" "$work/report-$figure.svg"
done

# experiment NAME EDIT FIGURE [FLAG...]: a figure of a shipped experiment, made smaller by an edit of
# sed and flags of run; each point runs once. FIGURE is a path in its results, without .svg.
experiment() {
  local name=$1 edit=$2 figure=$3
  shift 3
  mkdir -p "$work/small/$name"
  cp "experiments/$name"/*.toml "$work/small/$name/"
  sed -i -e 's/^repetitions = .*/repetitions = 1/' -e "$edit" "$work/small/$name/experiment.toml"
  "$build/lutra-experiment" run "$work/small/$name" --quiet --out "$work/results/$name" "$@"
  mv "$work/results/$name/$figure.svg" "$work/experiment-$name-$(basename "$figure").svg"
}

smaller='s/"bert-base"/"bert-tiny"/'
experiment offline-online-split "$smaller" figures/by-step
experiment sequence-scaling '' figures/bert-base
experiment lookup-width 's/262,144/4,096/; s/262144/4096/' figures/deal-bytes
experiment linear-forms "$smaller" figures/online-by-network
experiment network-sweep "$smaller" figures/best-online
experiment accuracy '' figures/accuracy --only rounding=centred,extra_bits=1
experiment threads '' figures/shipped --only 'model=shipped model'
experiment bert-base "$smaller; /AVX2/d" figures/seconds
experiment transport 's/^check = false/&\nexamples = 34/' figures/online-seconds --only 'model=shipped model'
experiment published-comparison '' comparisons/relu-393216 \
  --only 'work=ReLU, additive,work=ReLU, replicated'

mkdir -p "$out"
rm -f "$out"/*.svg
mv "$work"/*.svg "$work"/graph/*.svg "$out/"
du -ch "$out"/*.svg | tail -1
