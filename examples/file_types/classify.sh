#!/bin/sh
# Tell the types of files with curl (and od and awk, which make the numbers).
#
#     sh examples/file_types/classify.sh http://localhost:8000 FILE...
set -eu
url=$1
shift

# The model sees the first and the last 1024 bytes, without white space at the ends, padded with 256.
features() {
  { head -c 4096 "$1" | od -An -v -tu1; echo end; tail -c 4096 "$1" | od -An -v -tu1; } | awk '
    function space(b) { return b == 32 || (b >= 9 && b <= 13) }
    $1 == "end" { half = 1; next }
    { for (i = 1; i <= NF; i++) { if (half) tail[++m] = $i; else head[++n] = $i } }
    END {
      first = 1; while (first <= n && space(head[first])) first++
      last = m; while (last >= 1 && space(tail[last])) last--
      for (i = 0; i < 1024; i++) printf "%s%d", (i ? "," : ""), (first + i <= n ? head[first + i] : 256)
      for (i = 1023; i >= 0; i--) printf ",%d", (last - i >= 1 ? tail[last - i] : 256)
    }'
}

for file in "$@"; do
  answer=$(printf '{"inputs":[{"name":"bytes","datatype":"INT32","shape":[1,2048],"data":[%s]}],
    "outputs":[{"name":"target_label","parameters":{"classification":1}}]}' "$(features "$file")" |
    curl -sS --fail-with-body -H 'Content-Type: application/json' --data-binary @- "$url/v2/models/file_type/infer") || {
    echo "$file: $answer" >&2
    exit 1
  }
  # "data":["score:index:label"]
  echo "$file: $(printf '%s' "$answer" | sed -n 's/.*"data":\["\([^"]*\)"\].*/\1/p' | awk -F: '{ printf "%s (%.3f)", $3, $1 }')"
done
