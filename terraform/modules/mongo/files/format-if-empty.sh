#!/bin/bash
# Make a file system on a device, if nothing at all is on it: `format-if-empty DEVICE`.
# What cannot be read, or holds anything that is not known, is left for a person to look at: it ends with an error.
set -euo pipefail

device=$1
begin=$((16 * 1024 * 1024)) # a new volume reads as zeros from end to end; no file system leaves its first 16 MiB empty

status=0
found=$(blkid --probe --output value --match-tag TYPE "$device") || status=$?

if [[ $status -eq 0 ]]; then
  echo "$device holds ${found:-something that blkid knows}: nothing is done"
elif [[ $status -ne 2 ]]; then
  echo "$device holds what blkid cannot tell apart (exit code $status): nothing is done" >&2
  exit 1
elif ! cmp --silent --bytes="$begin" "$device" /dev/zero; then
  echo "$device is not empty, and nothing that blkid knows, or cannot be read: nothing is done" >&2
  exit 1
else
  mkfs.xfs "$device"
fi
