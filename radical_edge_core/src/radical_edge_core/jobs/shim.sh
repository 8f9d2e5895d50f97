#!/bin/sh
# Run one job in its folder, once, and leave a record of how it ended. POSIX sh: dash, busybox, bash.
#
#   shim local FOLDER              a job of this machine: goes into a session of its own first
#   shim slurm|pbs|lsf FOLDER      a job of a scheduler, whose id is in the environment
#
# Theory of operation. Any number of shims may be started on one folder; the payload runs in one of them.
#   1. The shim links `claim` to a file that holds its id. Linking is atomic everywhere, and what the link command
#      says about it is not (a network file system may do it and report failure): the claim is read back, and it
#      decides. A shim that finds another id in it writes `lost.<id>` and ends with 0. The same id may enter again:
#      a scheduler's requeue keeps the id.
#   2. The payload runs in the foreground, in a subshell: a shell that waits for a background child returns at the
#      first signal, and starts the child with SIGINT and SIGQUIT ignored.
#   3. Signals are trapped by a command, not ignored: ignored ones would stay ignored in the payload. The shell runs
#      the trap when the payload has ended.
#   4. Who cancels writes `cancel.json` first and signals then. The subshell looks for it, so that a signal which
#      came before the subshell was there stops the payload all the same.
#   5. `exit.json` appears by rename: it is whole or absent. Its room on the disk was taken when the folder was
#      made (`exit.part`), so that a full disk does not swallow it.
#
# Every variable begins with shim_: names that the payload's environment also has would change there.

shim_now() {
  shim_time=$(date +%s.%N)
  case $shim_time in *[!0-9.]*) shim_time=$(date +%s) ;; esac # %N is GNU's
}

shim_name() {
  case $shim_kind in
    local)
      read -r shim_boot </proc/sys/kernel/random/boot_id
      read -r shim_stat <"/proc/$$/stat"
      # shellcheck disable=SC2086 # fields, to be split
      set -- ${shim_stat##*) } # the command's name may hold blanks and brackets
      shim_id="local.$shim_boot.$$.${20}"
      ;;
    slurm)
      if [ -n "$SLURM_ARRAY_TASK_ID" ]; then
        shim_task=$SLURM_ARRAY_TASK_ID
        shim_id="slurm.${SLURM_ARRAY_JOB_ID}_$shim_task"
      else
        shim_id=${SLURM_JOB_ID:+slurm.$SLURM_JOB_ID}
      fi
      ;;
    pbs)
      shim_task=${PBS_ARRAY_INDEX:-$PBS_ARRAYID}
      shim_id=${PBS_JOBID:+pbs.$PBS_JOBID}
      ;;
    lsf)
      shim_task=${LSB_JOBINDEX#0} # 0 outside an array
      shim_id=${LSB_JOBID:+lsf.$LSB_JOBID${shim_task:+_$shim_task}}
      ;;
  esac
  [ -n "$shim_id" ] || {
    echo "shim: no job id for '$shim_kind' in the environment" >&2
    exit 64
  }
}

shim_take() {
  if [ "$shim_method" = symlink ]; then
    ln -s "$shim_id" "$shim_folder/claim" 2>/dev/null
    shim_holder=$(readlink "$shim_folder/claim")
  else
    printf '%s\n' "$shim_id" >"$shim_folder/claim.$shim_id"
    ln "$shim_folder/claim.$shim_id" "$shim_folder/claim" 2>/dev/null
    rm -f "$shim_folder/claim.$shim_id"
    shim_holder=
    read -r shim_holder <"$shim_folder/claim"
  fi
  [ "$shim_holder" != "$shim_id" ] || return 0
  if [ -z "$shim_holder" ]; then
    echo "shim: the claim can't be written" >&2
    exit 75
  fi
  echo "$shim_holder" >"$shim_folder/lost.$shim_id"
  exit 0
}

shim_sizes() {
  shim_out=0
  shim_err=0
  # shellcheck disable=SC2046 # fields, to be split; after cd the names hold no blanks
  set -- $(cd -- "$shim_folder" && wc -c stdout stderr 2>/dev/null)
  while [ $# -ge 2 ]; do
    case $2 in stdout) shim_out=$1 ;; stderr) shim_err=$1 ;; esac
    shift 2
  done
}

shim_record() {
  shim_now
  shim_sizes
  shim_list=
  for shim_each in $shim_signals; do shim_list="$shim_list${shim_list:+, }\"$shim_each\""; done
  shim_restarts=-1
  while read -r shim_each; do shim_restarts=$((shim_restarts + 1)); done <"$shim_folder/entries"
  shim_json="{\"id\": \"$shim_id\", \"code\": $shim_code, \"signals\": [$shim_list], \"start\": $shim_start, \"end\": $shim_time"
  shim_json="$shim_json, \"stdout_bytes\": $shim_out, \"stderr_bytes\": $shim_err, \"restarts\": $shim_restarts}"
  shim_tries=0
  until printf '%-1023s\n' "$shim_json" 1<>"$shim_folder/exit.part" &&
    mv "$shim_folder/exit.part" "$shim_folder/exit.json"; do
    shim_tries=$((shim_tries + 1))
    [ "$shim_tries" -lt 600 ] || break
    sleep 1
  done
}

shim_main() {
  shim_kind=$1
  shim_home=$2
  shim_folder=$2
  shim_task=
  shim_signals=
  for shim_each in HUP INT QUIT TERM USR1 USR2; do
    # shellcheck disable=SC2064 # the name is to be put in now, the list so far later
    trap "shim_signals=\"\$shim_signals $shim_each\"" "$shim_each"
  done
  shim_name
  if [ -n "$shim_task" ]; then # a folder for each task of an array
    shim_folder=$shim_home/task.$shim_task
    mkdir -m 700 "$shim_folder" 2>/dev/null
  fi
  . "$shim_home/command" || exit 66
  shim_take
  [ ! -e "$shim_folder/exit.json" ] || mv -f "$shim_folder/exit.json" "$shim_folder/exit.part"
  shim_now
  shim_start=$shim_time
  echo "$shim_start" >>"$shim_folder/entries"
  (
    [ ! -e "$shim_home/cancel.json" ] || exit 143
    shim_payload "$shim_folder/stdout" "$shim_folder/stderr"
  )
  shim_code=$?
  shim_record
  exit "$shim_code"
}

if [ "$1" = local ] && [ -z "$3" ]; then
  # Out of the session, the terminal and the pipes of whoever started it: the job outlives all of them.
  exec setsid /bin/sh "$0" local "$2" own </dev/null >/dev/null 2>>"$2/shim.log" \
    3>&- 4>&- 5>&- 6>&- 7>&- 8>&- 9>&-
fi
exec </dev/null
shim_main "$1" "$2"
