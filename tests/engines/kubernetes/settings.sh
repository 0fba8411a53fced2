# shellcheck shell=bash
# Certificates and settings of the tests' Kubernetes: kubernetes.sh sources this.
# shellcheck disable=SC2154

# certificate NAME SUBJECT USAGE [ALTERNATIVE NAMES]: make a key and a certificate of ours.
certificate() {
    openssl req -newkey rsa:2048 -nodes -keyout "$1.key" -subj "$2" -out "$1.csr" 2>/dev/null
    openssl x509 -req -in "$1.csr" -CA ca.crt -CAkey ca.key -CAcreateserial -days 30 -out "$1.crt" 2>/dev/null \
        -extfile <(printf '%s\n' basicConstraints=CA:FALSE keyUsage=digitalSignature,keyEncipherment \
            "extendedKeyUsage=$3" ${4:+"subjectAltName=$4"})
}

# kubeconfig NAME: print how the holder of that certificate reaches the API server.
kubeconfig() {
    cat <<END
apiVersion: v1
kind: Config
current-context: test
clusters:
- name: test
  cluster: {server: "https://127.0.0.1:$API_PORT", certificate-authority-data: $(base64 -w 0 ca.crt)}
users:
- name: $1
  user: {client-certificate-data: $(base64 -w 0 "$1.crt"), client-key-data: $(base64 -w 0 "$1.key")}
contexts:
- name: test
  context: {cluster: test, user: $1, namespace: default}
END
}

# make_certificates: all of them, in the current directory.
make_certificates() {
    local name
    openssl req -x509 -newkey rsa:2048 -nodes -keyout ca.key -subj /CN=pfcon-test -days 30 -out ca.crt \
        -addext keyUsage=critical,keyCertSign,digitalSignature 2>/dev/null
    certificate apiserver /CN=kube-apiserver serverAuth DNS:localhost,IP:127.0.0.1,IP:10.96.0.1
    certificate kubelet-client /O=system:masters/CN=kube-apiserver-kubelet-client clientAuth
    certificate admin /O=system:masters/CN=admin clientAuth
    certificate controllers /CN=system:kube-controller-manager clientAuth
    certificate scheduler /CN=system:kube-scheduler clientAuth
    certificate kubelet /O=system:nodes/CN=system:node:localhost clientAuth
    certificate kubelet-server /CN=localhost serverAuth DNS:localhost,IP:127.0.0.1
    openssl genrsa -out accounts.key 2048 2>/dev/null
    openssl rsa -in accounts.key -pubout -out accounts.pub 2>/dev/null
    for name in admin controllers scheduler kubelet; do
        kubeconfig "$name" >"$name.kubeconfig"
    done
}

# kubelet_settings: print a KubeletConfiguration. No cgroup of a pod's own, no removal of images and no eviction for
# disk: the machine and the engine are shared. The rest makes it quick.
kubelet_settings() {
    cat <<END
apiVersion: kubelet.config.k8s.io/v1beta1
kind: KubeletConfiguration
address: 127.0.0.1
port: $KUBELET_PORT
readOnlyPort: 0
healthzPort: 0
authentication: {anonymous: {enabled: false}, webhook: {enabled: true}, x509: {clientCAFile: $PKI/ca.crt}}
authorization: {mode: Webhook}
tlsCertFile: $PKI/kubelet-server.crt
tlsPrivateKeyFile: $PKI/kubelet-server.key
cgroupDriver: $(docker_ info -f '{{.CgroupDriver}}')
cgroupsPerQOS: false
enforceNodeAllocatable: []
failSwapOn: false
makeIPTablesUtilChains: false
oomScoreAdj: 0
nodeStatusUpdateFrequency: 2s
volumePluginDir: $HOME_DIR/plugins
imageGCHighThresholdPercent: 100
imageGCLowThresholdPercent: 99
evictionHard: {memory.available: "50Mi"}
featureGates: {SizeMemoryBackedVolumes: true}
syncFrequency: 2s
kubeAPIQPS: 100
kubeAPIBurst: 200
eventRecordQPS: 0
serializeImagePulls: false
END
}
