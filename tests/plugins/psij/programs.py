"""SLURM's own commands, which fail as a test tells them, and else go on to the real ones."""

from __future__ import annotations

import shlex
import shutil
from pathlib import Path

# What `sbatch` is told to do, by files in its folder; everything else is the real one's.
SBATCH = r"""#!/bin/bash
here={here}
echo "$$" >>"$here/calls"
if [ -e "$here/wait" ]; then
  echo "$$" >"$here/waiting"
  until [ -e "$here/go" ]; do sleep 0.02; done
fi
if [ -e "$here/timeout" ]; then
  {real} "$@" >/dev/null || exit
  echo x >>"$here/faults"
  echo "sbatch: error: Batch job submission failed: Socket timed out on send/recv operation" >&2
  exit 1
fi
if [ -e "$here/silent" ]; then
  {real} "$@" >/dev/null || exit
  echo x >>"$here/faults"
  exit 0
fi
if [ -e "$here/mute" ]; then
  echo x >>"$here/faults"
  exit 1
fi
if [ -e "$here/federated" ]; then
  {real} "$@" | sed 's/$/ on cluster here/'
  echo x >>"$here/faults"
  exit 0
fi
if [ -e "$here/away" ]; then
  echo x >>"$here/faults"
  echo "sbatch: error: Batch job submission failed: Unable to contact slurm controller (connect failure)" >&2
  exit 1
fi
exec {real} "$@"
"""
# Accounting that keeps no comments, and a queue that has forgotten what it is told to forget.
SACCT = r"""#!/bin/bash
here={here}
case "$*" in *--delimiter=*) ;; *) exec {real} "$@" ;; esac # not the edge's
echo x >>"$here/asked"
[ ! -e "$here/forget.accounting" ] || exit 0
separator='|'
for word; do case $word in --delimiter=*) separator=${{word#*=}} ;; esac; done
{real} "$@" | awk -v FS="$separator" -v OFS="$separator" '{{ $4 = ""; print }}'
"""
# It can hang, fail, forget, show jobs that nobody here submitted, and call a job's state something else.
SQUEUE = r"""#!/bin/bash
here={here}
case "$*" in *--format=%A\<*) ;; *) exec {real} "$@" ;; esac # not the edge's
echo x >>"$here/looks"
if [ -e "$here/hang" ]; then
  echo x >>"$here/faults"
  exec sleep 600
fi
if [ -e "$here/broken" ]; then
  echo x >>"$here/faults"
  echo "slurm_load_jobs error: Unable to contact slurm controller (connect failure)" >&2
  exit 1
fi
[ ! -e "$here/forget" ] || exec {real} "$@" --name=nobody
for word; do case $word in --format=*) shape=${{word#--format=}} ;; esac; done
if [ -e "$here/odd" ]; then
  while read -r id state reason; do
    sed "s/%[Ai]/$id/g; s/%T/$state/; s|%r|$reason|; s/%u/root/; s/%[a-zA-Z]//g" <<<"$shape"
  done <"$here/odd"
  echo x >>"$here/faults"
fi
if [ -e "$here/word" ]; then
  separator=${{shape#%A}}
  separator=${{separator%%\%*}}
  {real} "$@" | awk -v FS="$separator" -v OFS="$separator" -v word="$(cat "$here/word")" '
    BEGIN {{ n = split(word, said, "[ \n]"); for (i = 1; i < n; i += 2) wanted[said[i]] = said[i + 1] }}
    $1 in wanted {{ $6 = wanted[$1] }} {{ print }}'
  echo x >>"$here/faults"
  exit 0
fi
exec {real} "$@"
"""


class Programs:
    """SLURM's commands, which fail as they are told."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        folder.mkdir()
        for name, text in (("sbatch", SBATCH), ("sacct", SACCT), ("squeue", SQUEUE)):
            real = shlex.quote(str(shutil.which(name)))
            (folder / name).write_text(text.format(here=shlex.quote(str(folder)), real=real))
            (folder / name).chmod(0o755)

    def tell(self, what: str, text: str = "") -> None:
        (self.folder / what).write_text(text)

    def let(self, what: str) -> None:
        (self.folder / what).unlink()

    def count(self, what: str) -> int:
        file = self.folder / what
        return len(file.read_text().splitlines()) if file.exists() else 0
