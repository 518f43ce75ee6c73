#!/bin/sh
# Makes a virtual environment and links this checkout into it as the collection biztalk.fault_tolerance.
#   tools/setup.sh .venv run         what `make demo` and `make lab` need
#   tools/setup.sh .venv dev         and what the tests need
#   tools/setup.sh .venv-2.21 dev    the second ansible-core that is tested; exit code 3: there is no Python for it here
# Does nothing when nothing changed. Interpreters are found by running them.
set -eu
cd "$(dirname "$0")/.."
root=$(pwd -P)
venv=$1
level=$2
log=out/setup$venv.log
mkdir -p out

interpreters() { # paths that may be a Python, one a line
    passwd_home=$(getent passwd "$(id -u)" 2>/dev/null | cut -d: -f6)
    (
        IFS=:
        for folder in ${PATH:-} /usr/local/bin /usr/bin; do
            printf '%s\n' "$folder"/python3 "$folder"/python3.1[1-9]
            case $folder in */shims) printf '%s\n' "${folder%/shims}"/versions/3.*/bin/python3 ;; esac
        done
    )
    for home in "${PYENV_ROOT:-}" "${HOME:-}/.pyenv" "$passwd_home/.pyenv"; do
        printf '%s\n' "$home"/versions/3.*/bin/python3
    done
}

find_python() { # the first interpreter of one of the versions given, in their order, that runs and can make an environment
    found=$(interpreters | while read -r python; do
        [ -x "$python" ] || continue
        version=$("$python" -c 'import ensurepip, sys, venv; print("%d.%d" % sys.version_info[:2])' 2>/dev/null) || continue
        echo "$version $python"
    done)
    for version in "$@"; do
        python=$(echo "$found" | sed -n "s/^$version //p" | head -n 1)
        [ -z "$python" ] || return 0
    done
    return 1
}

waiting() { # runs a command with its output in the log, and a dot every two seconds
    "$@" >>"$log" 2>&1 </dev/null &
    job=$!
    ticks=0
    while kill -0 $job 2>/dev/null; do
        sleep 0.2
        ticks=$((ticks + 1))
        [ $((ticks % 10)) -ne 0 ] || printf .
    done
    if wait $job; then return 0; fi
    printf '\nThis failed: %s\nThe end of %s:\n' "$*" "$log" >&2
    tail -n 20 "$log" >&2
    exit 1
}

case $venv in
*2.21) wanted="3.13 3.12 3.14" ;;
*) wanted="3.11 3.13 3.12 3.14" ;;
esac
requirements="requirements.txt lab/requirements.txt"
[ "$level" = run ] || requirements="$requirements tests/requirements.txt"
# shellcheck disable=SC2086 # a list of file names
stamp="$(cat tools/setup.sh $requirements | cksum | tr ' ' -)"

if [ -e "$venv" ] && [ "$(cat "$venv/.setup-folder" 2>/dev/null)" != "$root" ]; then
    echo "$venv was made for another folder, or not to its end: making it again."
    rm -rf "$venv"
fi
if [ "$(cat "$venv/.setup-$level" 2>/dev/null)" != "$stamp" ]; then
    started=$(date +%s)
    : >"$log"
    if [ ! -e "$venv" ]; then
        # shellcheck disable=SC2086 # a list of versions
        if ! find_python $wanted; then
            if [ "$venv" != .venv ]; then
                echo "No Python of $wanted runs here: what needs $venv is left out." >&2
                exit 3
            fi
            tools/system-packages.sh python3 python3-venv
            # shellcheck disable=SC2086
            find_python $wanted || { echo "No Python of $wanted runs here, and this system's packages bring none." >&2; exit 1; }
        fi
        printf '%s: made with %s ' "$venv" "$python"
        waiting "$python" -m venv "$venv"
        echo "$root" >"$venv/.setup-folder"
        echo
    fi
    case $("$venv/bin/python" -c 'import sys; print("%d.%d" % sys.version_info[:2])') in
    3.11) core="ansible-core~=2.19.0" ;; # the last that runs there
    *) core="ansible-core~=2.21.0" ;;    # the newest that is tested
    esac
    printf '%s: installing %s and what is in %s; 10 to 60 s when it is new ' "$venv" "$core" "$requirements"
    # shellcheck disable=SC2046,SC2086 # lists of arguments
    waiting "$venv/bin/python" -m pip install --no-input --disable-pip-version-check "$core" $(printf -- '-r %s ' $requirements)
    # pyodbc brings no unixODBC, and Microsoft's driver no Kerberos library; FreeTDS is the second driver that is tested
    libraries=""
    "$venv/bin/python" -c 'import pyodbc' 2>/dev/null || libraries="libodbc2"
    ldconfig -p 2>/dev/null | grep -q libgssapi_krb5 || libraries="$libraries libgssapi-krb5-2"
    ldconfig -p 2>/dev/null | grep -q libltdl || libraries="$libraries libltdl7"
    [ "$level" = run ] || ls /usr/lib/*/odbc/libtdsodbc.so >/dev/null 2>&1 || libraries="$libraries tdsodbc"
    # shellcheck disable=SC2086 # a list of packages
    [ -z "$libraries" ] || tools/system-packages.sh $libraries
    collections=$("$venv/bin/python" -c 'import sysconfig; print(sysconfig.get_path("purelib"))')/ansible_collections/biztalk
    mkdir -p "$collections"
    ln -sfn "$root" "$collections/fault_tolerance"
    echo "$stamp" >"$venv/.setup-$level"
    printf '\n%s: ready after %s s\n' "$venv" $(($(date +%s) - started))
fi
