#!/bin/sh
# The compiler of `profile_training.sh`: names tell what a function is specialised for, and frame pointers who called it.
exec "$@" -C symbol-mangling-version=v0 -C force-frame-pointers=yes -C strip=none
