# Busybox's applets on files.
cd /tmp || exit 1
rm -rf applets
mkdir -p applets/deep/er
cd applets || exit 1
seq 1 20 > numbers
awk '{ s += $1 } END { print s }' numbers
sed -n '3,5p;s/^1$/one/p' numbers
sort -rn numbers | head -n 2
tail -n 1 numbers
cut -c1 numbers | uniq -c | tr -s ' '
tr 0-9 a-j < numbers | head -n 1
cp numbers deep/copy
mv deep/copy deep/er/moved
cmp numbers deep/er/moved && echo same
diff numbers deep/er/moved && echo nothing
ln -s numbers link
readlink link
ln numbers hard
stat -c '%h %s %F' numbers
chmod 640 numbers
stat -c '%a' numbers
tar cf all.tar numbers deep
mkdir out
tar xf all.tar -C out
find out -type f | sort
gzip -c numbers | gunzip -c | md5sum
md5sum numbers
sha256sum < numbers
dd if=/dev/zero of=zeros bs=1024 count=70 2> /dev/null
wc -c zeros | tr -s ' '
od -An -tx1 -N4 numbers
basename /a/b/c.txt .txt
dirname /a/b/c
expr 6 \* 7
test 3 -lt 4 && echo less
printf '%05d|%-5s|%x\n' 42 ab 255
echo 'a b c' | xargs -n 1 echo item
env -i A=1 env
du -s nothing 2> /dev/null || echo none
cat numbers | tee teed | wc -l | tr -d ' '
cmp numbers teed && echo teed
split -l 8 numbers part
ls part*
rm -r out deep
rmdir deep 2> /dev/null || echo gone
cksum numbers
date -u -d @0 +%Y-%m-%d
mkfifo fifo
(echo through the fifo > fifo) &
cat fifo
wait
cd /tmp && rm -rf applets
