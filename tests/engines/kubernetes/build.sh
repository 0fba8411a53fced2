# shellcheck shell=bash
# Builds Kubernetes 1.20 from Debian 12's source package `kubernetes`: kubernetes.sh sources this. Go is Debian's too, and
# nothing comes from the network but packages. The programs stay in CACHE.

CACHE=${PFCON_KUBERNETES_CACHE:-${XDG_CACHE_HOME:-${HOME:-/root}/.cache}/pfcon-kubernetes-1.20}
BIN=$CACHE/bin
PROGRAMS=(kube-apiserver kube-controller-manager kube-scheduler kubelet)
BUILD_PACKAGES=(golang-1.19-go golang-github-modern-go-reflect2-dev dpkg-dev debian-archive-keyring xz-utils patch)

# is_built: whether the programs are there.
is_built() {
    local program
    for program in "${PROGRAMS[@]}" pause; do
        [ -x "$BIN/$program" ] || return 1
    done
}

# fetch_source DIRECTORY: put the source package there. The machine's own apt settings stay as they are: a private list
# names the archive that this machine takes Debian 12's main component from.
fetch_source() {
    local apt_dir=$1/apt archive
    local release=('Created-By: Packages' 'Origin: Debian' 'Codename: bookworm' 'Component: main')
    # shellcheck disable=SC2016 # apt's own placeholders
    archive=$(apt-get indextargets --format '$(REPO_URI) $(RELEASE) $(COMPONENT)' "${release[@]}" | sort -u | head -n 1)
    [ -n "$archive" ] || die "this machine's apt knows no archive of Debian 12 (apt-get update)"
    mkdir -p "$apt_dir/lists/partial" "$apt_dir/cache/archives/partial" "$apt_dir/parts" "$1/go/src/k8s.io"
    echo "deb-src [signed-by=/usr/share/keyrings/debian-archive-keyring.gpg] $archive" >"$apt_dir/sources.list"
    local apt=(apt-get -q -o "Dir::Etc::sourcelist=$apt_dir/sources.list" -o "Dir::Etc::sourceparts=$apt_dir/parts"
        -o "Dir::State::lists=$apt_dir/lists" -o "Dir::Cache=$apt_dir/cache" -o APT::Sandbox::User=root)
    "${apt[@]}" update >&2
    (cd "$1" && "${apt[@]}" source --download-only kubernetes >&2)
    dpkg-source --no-check -x "$1"/kubernetes_1.20*.dsc "$1/go/src/k8s.io/kubernetes" >&2
}

# generate_openapi DIRECTORY: write the one generated file that the package does not carry, the API's own description.
generate_openapi() {
    local tag='+k8s:openapi-gen=' tagged
    go build -o "$1/openapi-gen" k8s.io/kubernetes/vendor/k8s.io/kube-openapi/cmd/openapi-gen
    tagged=$(
        (cd staging/src && grep -rl --include='*.go' -e "$tag" k8s.io |
            grep -v -e ^k8s.io/code-generator/ -e ^k8s.io/sample-apiserver/) | sed 's|^|vendor/|' | xargs -n 1 dirname
        grep -rl --include='*.go' -e "$tag" cmd pkg plugin | xargs -n 1 dirname
    )
    tagged=$(sort -u <<<"$tagged" | sed 's|^|k8s.io/kubernetes/|' | paste -s -d ,)
    "$1/openapi-gen" --logtostderr --v 0 -i "$tagged" -p k8s.io/kubernetes/pkg/generated/openapi \
        -O zz_generated.openapi -h vendor/k8s.io/code-generator/hack/boilerplate.go.txt -r "$1/violations"
}

# compile DIRECTORY: build what fetch_source put there, into DIRECTORY/bin.
compile() (
    set -e
    cd "$1/go/src/k8s.io/kubernetes"
    unset GOROOT GOBIN
    export GOPATH=$1/go GOCACHE=$1/cache GOTMPDIR=$1/tmp HOME=$1/tmp GO111MODULE=off GOPROXY=off GOFLAGS='' CGO_ENABLED=0
    export GOGC=400 PATH=/usr/lib/go-1.19/bin:$PATH
    mkdir -p "$GOTMPDIR" "$1/bin"
    # reflect2 1.0.1, which the package carries, corrupts memory with Go 1.18 and later; 1.0.2, Debian's own, is right.
    rm -r vendor/github.com/modern-go/reflect2
    cp -r /usr/share/gocode/src/github.com/modern-go/reflect2 vendor/github.com/modern-go/
    generate_openapi "$1"
    local version variables='' package
    version=$(grep -o 'tag: v1\.20\.[0-9]*' hack/lib/version.sh | head -n 1 | cut -c 6-)
    for package in k8s.io/client-go/pkg/version k8s.io/component-base/version; do
        package="k8s.io/kubernetes/vendor/$package"
        variables+=" -X $package.gitVersion=$version -X $package.gitMajor=1 -X $package.gitMinor=20"
    done
    # providerless: without the code of the cloud vendors
    go build -tags 'providerless selinux notest' -trimpath -gcflags all=-dwarf=false \
        -ldflags "-s -w -buildid= $variables" -o "$1/bin/" "${PROGRAMS[@]/#/k8s.io/kubernetes/cmd/}"
    go build -trimpath -ldflags '-s -w -buildid=' -o "$1/bin/pause" "$REPOSITORY/tests/engines/kubernetes/pause.go"
)

# install_missing PACKAGE...: install those that are not there, and leave the others as they are.
install_missing() {
    local package missing=()
    for package in "$@"; do
        [ "$(dpkg-query -W -f '${db:Status-Status}' "$package" 2>/dev/null)" = installed ] || missing+=("$package")
    done
    [ ${#missing[@]} -eq 0 ] || install_packages "${missing[@]}"
}

# build: build the programs where they are missing; some minutes, and 2 GB of disk while it lasts.
build() {
    local work begin=$SECONDS
    install_missing "${BUILD_PACKAGES[@]}"
    mkdir -p "$CACHE"
    work=$(mktemp -d "$CACHE/build.XXXXXX")
    say "building Kubernetes 1.20 in $work"
    fetch_source "$work" || die "there is no source package kubernetes (apt-get update)"
    if ! compile "$work" >"$CACHE/build.log" 2>&1; then
        tail -n 30 "$CACHE/build.log" >&2
        rm -rf -- "$work"
        die "the build failed; $CACHE/build.log"
    fi
    mkdir -p "$BIN"
    mv "$work"/bin/* "$BIN/"
    rm -rf -- "$work"
    say "built in $((SECONDS - begin)) s: $(du -sh "$BIN" | cut -f 1) in $BIN"
}
