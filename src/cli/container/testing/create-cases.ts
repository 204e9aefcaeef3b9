/**
 * Command lines whose outcome is held against what docker's client makes of them: a request, or a
 * refusal. `DIR` stands for `testdata/create-files`; words are split at blanks, `'…'` keeps them.
 */
export const createCases: readonly string[] = `
create busybox
create busybox echo 'a b' --flag
create --name web busybox
create --platform linux/arm64 busybox
create --platform arm64 busybox
create -it busybox sh
create -i busybox
create -t busybox
create -a stdout busybox
create -a STDIN -a stderr busybox
create --entrypoint /bin/x busybox a
create --entrypoint '' busybox
create -u 1000:1000 -w /work -h host1 --domainname example.com busybox
create --init busybox
create --init=false busybox
create --stop-signal SIGINT --stop-timeout 3 busybox
create --stop-timeout 0 busybox
create --stop-timeout -1 busybox
create -e A=1 -e B= -e CLIENT_VAR -e NOT_THERE -e A=2 busybox
create --env-file DIR/variables.env -e FROM_FILE=2 busybox
create -l a=1 -l b -l a=2 -l c=x=y --label-file DIR/labels.txt busybox
create -p 80 busybox
create -p 8080:80 -p 127.0.0.1:8081:81/udp -p 82/sctp busybox
create -p 8000-8002:80-82 busybox
create -p 8000-8010:80 busybox
create -p [::1]:80:80 busybox
create -p 127.0.0.1::80 busybox
create -p 80:80 -p 81:80 busybox
create -p published=8080,target=80,protocol=udp busybox
create -p target=80 busybox
create -P --expose 80 --expose 90-92/udp busybox
create -v /data -v /host:/inside:ro -v name:/v -v name:/v -v ./rel:/r -v ../up:/u -v /x:/y:z,rw busybox
create -v .:/work busybox
create -v /a:/b:rw,rslave --volume-driver local busybox
create --tmpfs /run --tmpfs /tmp:size=64m,noexec busybox
create --mount type=bind,src=/a,dst=/b,readonly busybox
create --mount type=volume,src=v,dst=/v,volume-nocopy,volume-driver=local,volume-opt=type=nfs,volume-label=a=b busybox
create --mount dst=/anonymous busybox
create --mount type=tmpfs,dst=/t,tmpfs-size=1m,tmpfs-mode=1770 busybox
create --mount type=bind,source=/a,target=/b,bind-propagation=rslave,bind-recursive=disabled busybox
create --mount type=bind,source=/a,target=/b,readonly,bind-propagation=rprivate,bind-recursive=readonly busybox
create --mount type=bind,src=./rel,dst=/b busybox
create --mount type=volume,src=v,dst=/v,volume-subpath=a/b busybox
create --volumes-from one --volumes-from two:ro busybox
create --storage-opt size=10G busybox
create --network host busybox
create --network none busybox
create --network web busybox
create --network name=web busybox
create --network container:other busybox
create --net web --network-alias a --net-alias b busybox
create --network web --ip 10.1.0.5 --ip6 fd00::5 --link-local-ip 169.254.1.1 --mac-address 02:42:ac:11:00:02 busybox
create --network name=web,alias=a,alias=b,driver-opt=k=v,ip=10.0.0.2,mac-address=02:42:ac:11:00:03,gw-priority=5 busybox
create --network one --network two busybox
create --network one --network name=two,ip6=fd00::2,link-local-ip=169.254.2.2 --network-alias x busybox
create --link db:database --link other busybox
create --network web --link db:database busybox
create --mac-address 02-42-ac-11-00-02 busybox
create --add-host a:10.0.0.1 --add-host b=::1 --add-host c:[fe80::1] --add-host d:host-gateway busybox
create --dns 1.1.1.1 --dns 2001:db8::1 --dns-option ndots:2 --dns-opt timeout:1 --dns-search example.com. --dns-search . busybox
create --dns 127.0.0.1 busybox
create -m 512m --memory-reservation 256M --memory-swap 1g --memory-swappiness 60 busybox
create -m 1.5GiB --memory-swap -1 busybox
create --oom-kill-disable --oom-score-adj -500 busybox
create --cpus 1.5 --cpuset-cpus 0-1 --cpuset-mems 0 -c 512 busybox
create --cpus .25 busybox
create --cpus 1/4 busybox
create --cpus 5e-1 busybox
create --cpu-period 50000 --cpu-quota 25000 --cpu-rt-period 1000000 --cpu-rt-runtime 950000 busybox
create --pids-limit 100 --shm-size 128m --cgroup-parent /p busybox
create --pids-limit -1 busybox
create --ulimit nofile=1024:2048 --ulimit core=0 --ulimit nproc=-1 --ulimit nofile=10 busybox
create --blkio-weight 300 --blkio-weight-device /dev/sda:200 busybox
create --device-read-bps /dev/sda:1mb --device-write-bps /dev/sda:512k --device-read-iops /dev/sda:100 --device-write-iops /dev/sda:200 busybox
create --cpu-count 2 --cpu-percent 50 --io-maxbandwidth 1m --io-maxiops 10 busybox
create --device /dev/null --device /dev/zero:/dev/z --device /dev/full:rw --device /dev/tty:/dev/t:r busybox
create --device-cgroup-rule 'c 42:* rmw' --device-cgroup-rule 'b 1:2 r' busybox
create --gpus all busybox
create --gpus 2 busybox
create --gpus '"device=0,2","capabilities=compute,utility",driver=nvidia,"options=a=b"' busybox
create --gpus device=GPU-1 busybox
create --cap-add sys_time --cap-add NET_ADMIN --cap-drop ALL --group-add video --group-add 44 busybox
create --cap-add all --cap-add chown --cap-drop cap_chown busybox
create --cap-add chown --cap-add CAP_CHOWN --cap-drop chown --cap-drop kill busybox
create --privileged --read-only --userns host --uts host --pid host --ipc host --cgroupns host busybox
create --pid container:other --ipc container:other --cgroupns private busybox
create --ipc shareable --runtime runc --isolation default busybox
create --security-opt no-new-privileges --security-opt apparmor=unconfined --security-opt label:disable busybox
create --security-opt seccomp=unconfined busybox
create --security-opt seccomp=builtin busybox
create --security-opt seccomp=DIR/seccomp.json busybox
create --security-opt systempaths=unconfined busybox
create --security-opt systempaths=unconfined --security-opt no-new-privileges=true busybox
create --sysctl net.ipv4.ip_forward=1 --sysctl kernel.msgmax=65536 --annotation a=b --annotation c busybox
create --restart always busybox
create --restart on-failure:3 busybox
create --restart '' busybox
create --rm busybox
create --rm --restart no busybox
create --log-driver json-file --log-opt max-size=10m --log-opt max-file=3 busybox
create --log-driver none busybox
create --health-cmd 'curl localhost' --health-interval 30s --health-timeout 1m30s --health-retries 3 --health-start-period 1h --health-start-interval 500ms busybox
create --health-retries 5 busybox
create --no-healthcheck busybox
create --use-api-socket busybox
create --quiet --pull never busybox
create --pull '' busybox
create localhost:5000/a/b:tag
create 57918afb5502
create busybox@sha256:0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef

create
create --rm --restart=always busybox
create --restart always:3:4 busybox
create --restart on-failure:x busybox
create --restart :3 busybox
create -a nothing busybox
create --cpus x busybox
create --cpus 0.0000000001 busybox
create -e =x busybox
create -l =x busybox
create -l 'a b=x' busybox
create --env-file /nonexistent busybox
create --env-file DIR busybox
create --env-file DIR/blank-in-name.env busybox
create --env-file DIR/no-name.env busybox
create --label-file /nonexistent busybox
create --ulimit nofile busybox
create --ulimit nope=1 busybox
create --ulimit nofile=2:1 busybox
create --ulimit nofile=-1:1 busybox
create --ulimit nofile=1:2:3 busybox
create --ulimit nofile=x busybox
create --pid nothing busybox
create --uts nothing busybox
create --userns nothing busybox
create --cgroupns nothing busybox
create --mac-address zz busybox
create --network web --network web busybox
create --network host --network web busybox
create --network host --network-alias x busybox
create --network-alias x busybox
create --network name=web,nothing=1 busybox
create --network alias=a busybox
create --network name=web,alias=a --network-alias b busybox
create --network name=web,ip=10.0.0.2 --ip 10.0.0.3 busybox
create --network name=web,driver-opt=x busybox
create --network name=web,gw-priority=x busybox
create --network '' busybox
create --add-host x busybox
create --add-host x:y busybox
create --add-host =1.1.1.1 busybox
create --dns x busybox
create --dns-search @ busybox
create --link a:b:c busybox
create --sysctl a=b busybox
create --sysctl net.x busybox
create --security-opt nothing busybox
create --security-opt seccomp=/nonexistent busybox
create --gpus count=x busybox
create --gpus nothing=1 busybox
create --gpus count=1,count=2 busybox
create --device a:b:c:d busybox
create --device relative busybox
create --device /dev/null:/dev/x:q busybox
create --device-cgroup-rule x busybox
create --blkio-weight 70000 busybox
create --blkio-weight-device /dev/sda:5 busybox
create --blkio-weight-device sda:50 busybox
create --blkio-weight-device x busybox
create --device-read-bps /dev/sda:x busybox
create --device-read-bps sda:1m busybox
create --device-write-iops /dev/sda:1k busybox
create --memory x busybox
create --memory -1 busybox
create --memory 1x busybox
create --memory-swappiness 101 busybox
create --shm-size '' busybox
create --log-driver none --log-opt a=b busybox
create --storage-opt x busybox
create --no-healthcheck --health-cmd x busybox
create --health-interval=-1s busybox
create --health-timeout=-1s busybox
create --health-retries=-1 busybox
create --health-start-period=-1s busybox
create --health-start-interval=-1s busybox
create --health-interval 1 busybox
create --stop-timeout x busybox
create -p x busybox
create -p 80:x busybox
create -p x:80 busybox
create -p 1.2.3:80:80 busybox
create -p 80:80/nothing busybox
create -p 1-2:1-3 busybox
create -p 70000:80 busybox
create -p published=80,target busybox
create --expose 1:2 busybox
create --expose x busybox
create --mount x busybox
create --mount type=bind busybox
create --mount type=bind,src=/a,dst=/b,volume-nocopy busybox
create --mount type=bind,src=/a,dst=/b,readonly=x busybox
create --mount type=bind,src=/a,dst=/b,nothing=1 busybox
create --mount type=tmpfs,dst=/b,tmpfs-size=x busybox
create --mount type=tmpfs,dst=/b,tmpfs-mode=9 busybox
create --pull sometimes busybox
create --platform a/b/c/d busybox
create --platform nothing busybox
create --cidfile DIR/labels.txt busybox
create --cidfile /nonexistent/id busybox
create Busybox
create ''
create --nothing busybox
create --entrypoint
run -d -a stdin busybox
run --pull sometimes busybox
run -it busybox
run Busybox
run --cidfile DIR/labels.txt busybox
run --platform a/b/c/d busybox
run --pid nothing busybox
run --detach=x busybox
`
  .split("\n")
  .filter((line) => line !== "");

/** The command lines that are run with proxies in the configuration file. */
export const proxyCases: readonly string[] = [
  "create busybox",
  "create -e HTTP_PROXY=own -e no_proxy -e CLIENT_VAR busybox",
];
