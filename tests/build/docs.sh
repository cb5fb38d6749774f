#!/bin/sh
# docs.sh: what the pages say about files holds. Relative links lead somewhere; every line of a C
# block in the README, a how-to or the page on graphs stands in an example or in the library.
set -eu
failed=0
for page in *.md docs/*.md examples/*/README.md; do
  [ -f "$page" ] || continue
  links=$(awk '/^```/ { code = !code; next } !code' "$page" | sed 's/`[^`]*`//g' |
    grep -o ']([^) ]*)' | sed 's/^](//; s/)$//; s/#.*//' | grep -v '^[a-z]*:' || true)
  for link in $links; do
    [ -e "$(dirname "$page")/$link" ] || {
      echo "$page: the link $link leads nowhere"
      failed=1
    }
  done
done
quoted=$(cat README.md docs/how-to-*.md docs/graphs.md | awk '/^```c$/ { inside = 1; next } /^```/ { inside = 0 } inside && NF')
said=$(cat examples/*.c examples/*/*.c src/*/*.[ch] src/*/*/*.[ch] include/rung/*.h)
unsaid=$(printf '%s\n' "$quoted" | while IFS= read -r line; do
  printf '%s\n' "$said" | grep -qxF -e "$line" || printf '%s\n' "$line"
done)
if [ -n "$unsaid" ]; then
  printf 'in the docs, but in no example or source:\n%s\n' "$unsaid"
  failed=1
fi
exit $failed
