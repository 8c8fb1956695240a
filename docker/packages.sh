# Shared by the start scripts: installs Debian packages. Sourced behind what defines log.

install_packages() { # PACKAGE...: installs those that are missing, without the servers that they would start by themselves
    local missing=() package policy=/usr/sbin/policy-rc.d made=0
    for package in "$@"; do
        dpkg -s "$package" >/dev/null 2>&1 || missing+=("$package")
    done
    [ ${#missing[@]} -eq 0 ] && return
    log "installing ${missing[*]}"
    # Unless something else keeps them from it already.
    if [ ! -e $policy ]; then
        printf '#!/bin/sh\nexit 101\n' >$policy
        chmod 755 $policy
        made=1
    fi
    export DEBIAN_FRONTEND=noninteractive
    apt-get update -qq && apt-get install -y -qq --no-install-recommends "${missing[@]}" >/dev/null
    [ $made = 0 ] || rm -f $policy
}
