driver=systemd runtime=crun
prepare_guest
configure_engine 2>/dev/null
wharf import -c 'CMD ["sh"]' /payload/busybox.tar busybox
wharf run -d --name aa busybox sleep 1000
A=$(id_of aa)
wharf stop -t 0 aa
sleep 2
systemctl list-units --all | grep wharf-
systemctl status --no-pager wharf-$A.scope
ls -R /run/wharf/runtime | head -40
wharf start aa
inspect aa '{{json .State}}'
journalctl -u wharf --no-pager -o cat | tail -20
echo ==== oom
for i in 1 2 3 4 5 6; do
wharf run -d --name parent$i --memory 24m --memory-swap 24m busybox sh -c 'dd if=/dev/zero of=/dev/null bs=64M; echo "child ended with $?"; exec sleep 100000'
eventually contains "child ended" wharf logs parent$i
P=$(id_of parent$i)
cat $(cgroup_of parent$i)/memory.events | xargs
ls /run/wharf/runtime/processes/$P | xargs
wharf stop -t 0 parent$i
inspect parent$i '{{json .State}}'
done
for i in 1 2 3 ; do
wharf run --name natural$i --memory 24m --memory-swap 24m busybox sh -c 'dd if=/dev/zero of=/dev/null bs=64M; exit 4'
inspect natural$i '{{json .State}}'
wharf run --name direct$i --memory 24m --memory-swap 24m busybox dd if=/dev/zero of=/dev/null bs=64M
inspect direct$i '{{json .State}}'
done
systemctl list-units --all | grep wharf-
