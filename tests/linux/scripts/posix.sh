# What every shell does alike: expansions, pipes, redirections, here-documents, functions, traps.
echo "one $((2 + 3 * 4)) ${none:-default}"
x=$(printf 'b\na\nc\n' | sort | tr '\n' ' ')
echo "$x"
for i in 1 2 3; do echo "i=$i"; done | while read -r line; do echo "<$line>"; done
case abc in a*) echo matches ;; *) echo no ;; esac
f() { echo "f: $1 $#"; return 3; }
f a b
echo "status $?"
cat <<EOF
here $x
EOF
cat <<'EOF'
as it is $x
EOF
cd /tmp || exit 1
rm -rf shell_test
mkdir shell_test
cd shell_test || exit 1
echo first > file
echo second >> file
cat < file
wc -l < file | tr -d ' '
ls nothing 2> errors || echo "ls failed"
touch b.txt a.txt c.log
echo *.txt
echo [ac]*
(exit 7)
echo "subshell $?"
true && echo and
false || echo or
! false && echo not
if [ -f file ] && [ ! -d file ]; then echo "is a file"; fi
n=0
while [ $n -lt 3 ]; do n=$((n + 1)); done
echo "n=$n"
set -- p q r
shift
echo "$# $1"
trap 'echo trapped' EXIT
sh -c 'kill -TERM $$' 2> errors
echo "killed $?"
(exit 5) &
wait $!
echo "waited $?"
seq 1000 | grep 9 | wc -l | tr -d ' '
yes | head -n 3
printf '%s\n' "$(cat file | cat | cat)"
exec 3> third
echo to three >&3
exec 3>&-
cat third
find . -name '*.txt' | sort
cd /tmp && rm -rf shell_test
echo end
