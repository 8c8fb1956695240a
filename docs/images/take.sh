#!/usr/bin/env bash
# Takes the pictures of the page that the documentation shows: docs/images/take.sh, after ./test.sh or a build of tests/Page.Tests.
set -euo pipefail
cd "$(dirname "$0")/../.."
dotnet artifacts/bin/Page.Tests/release/AgentRollout.Page.Tests.dll --filter-class '*PicturesTests'
cp artifacts/page/*.png docs/images/
