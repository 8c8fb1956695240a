#!/usr/bin/env bash
# Packs the contracts into artifacts/packages, builds the sample plugins against the packages alone, and puts each into a folder of its own:
# samples/plugins/build.sh [PLUGINS-FOLDER]; by default artifacts/plugins.
set -euo pipefail
here=$(cd "$(dirname "$0")" && pwd)
root=$(cd "$here/../.." && pwd)
plugins=${1:-$root/artifacts/plugins}

# NuGet takes a version that it has seen from its cache, however often that is packed anew.
cache=$(dotnet nuget locals global-packages --list | sed 's/^[^:]*: //')
version=$(sed -n 's|.*<Version>\(.*\)</Version>.*|\1|p' "$root/Directory.Build.props")
for project in Tokenization RolloutEngine Tools Environments; do
    dotnet pack -c Release "$root/src/$project" --nologo -v quiet
    rm -rf "${cache:?}/agentrollout.${project,,}/$version"
done

for plugin in UnitConverter SecondChance; do
    dotnet publish -c Release "$here/$plugin" -o "$plugins/$plugin" --nologo -v quiet
done
echo "Sample plugins are in $plugins"
