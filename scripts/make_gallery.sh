#!/usr/bin/env bash
# Makes the pictures of docs/gallery.md again, from the programs of build/ and small runs.
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

# Of closed forms: the same figures everywhere.
"$build/lutra-experiment" run experiments/sequence-scaling --quiet --out "$work/scaling" > /dev/null
for figure in bert-base deal-bytes; do
  mv "$work/scaling/figures/$figure.svg" "$work/experiment-sequence-scaling-$figure.svg"
done

mkdir -p "$out"
rm -f "$out"/*.svg
mv "$work"/*.svg "$work"/graph/*.svg "$out/"
du -ch "$out"/*.svg | tail -1
