sed 's/"hostname": "job"/"hostname": "job-'"$3"'"/' /store/.pfcon/slurm/.5f/config.json >"$2/config.json" || exit 125
exec "$1" --log /store/.pfcon/slurm/.5f/launcher.log --cgroup-manager=disabled --root "$2/oci" run --bundle "$2" "pfcon-5f-$3"
