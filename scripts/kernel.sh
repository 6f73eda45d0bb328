#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
# kernel.sh VARIANT: configures and builds a kernel for the emulated machine.
#   arm64          untouched source, C driver as a module, fit to run virtual
#                  machines and to run in one: build/arm64/linux
#   arm64-debug    source with the overlay, our driver =m, sanitizers
#   arm64-builtin  the same with our driver =y
#   arm64-kcsan    source with the overlay, our driver =m, all of it instrumented
#                  for KCSAN
#   x86_64         untouched source, without a driver of VT-d: build/x86_64/linux
#   x86_64-bench   the same with the C driver of VT-d, off if it is not asked for
#   x86_64-debug   as arm64-debug
# With KDIR=, the variant that is called as ARCH is that built tree instead.

. "$(dirname "$0")/lib.sh"

variant=$1
dir=$build/$variant/linux
image=$build/$variant/Image
source=$build/src/overlay
fragments=("$kconfig/common.config" "$kconfig/$ARCH.config")
rustc=rustc
# The kernel that differs in few symbols: if that was built, the build starts from what
# was compiled for it.
base=

case $variant in
arm64)
	source=$ksrc
	fragments+=("$kconfig/arm64-reference.config" "$kconfig/arm64-vm.config")
	what="kernel: Linux for the emulated machine"
	;;
*-debug)
	fragments+=("$kconfig/debug.config" "$kconfig/nested.config")
	what="overlay: kernel with sanitizers for $ARCH, CONFIG_IOMMU_NESTED=m"
	;;
arm64-builtin)
	fragments+=("$kconfig/debug.config" "$kconfig/arm64-builtin.config")
	base=arm64-debug
	what="overlay: the driver built in, CONFIG_IOMMU_NESTED=y"
	;;
arm64-kcsan)
	fragments+=("$kconfig/arm64-kcsan.config" "$kconfig/nested.config")
	rustc=$root/scripts/rustc-kcsan.sh
	what="kcsan: kernel with KCSAN, CONFIG_IOMMU_NESTED=m"
	;;
x86_64)
	source=$ksrc
	what="kernel: Linux for the emulated x86_64 machine"
	;;
x86_64-bench)
	source=$ksrc
	fragments+=("$kconfig/x86_64-bench.config")
	base=x86_64
	what="bench: kernel with the C driver of VT-d"
	;;
*) die "unknown variant $variant" ;;
esac
belongs "$variant" || die "the kernel $variant is not for ARCH=$ARCH"
boot=arch/$srcarch/boot/$image_target

# Every symbol of the fragments must have got the value asked for.
check_config() { # CONFIG_FILE FRAGMENT...
	awk '
		FNR == 1 { file++ }
		/^# CONFIG_[A-Za-z0-9_]+ is not set/ { $0 = $2 "=n" }
		!/^CONFIG_/ { next }
		{ name = value = $0; sub(/=.*/, "", name); sub(/^[^=]*=/, "", value) }
		file == 1 { have[name] = value; next }
		{ want[name] = value }
		END {
			for (name in want) {
				got = name in have ? have[name] : "n"
				if (got == want[name]) continue
				print "error: " name " is " got ", asked for is " want[name]
				bad = 1
			}
			exit bad
		}' "$@"
}

configure() {
	mkdir -p "$dir"
	cat "${fragments[@]}" >"$dir/fragment"
	tools make -s -C "$source" O="$dir" ARCH="$ARCH" LLVM="$LLVM" RUSTC="$rustc" \
		KCONFIG_ALLCONFIG="$dir/fragment" allnoconfig
	check_config "$dir/.config" "${fragments[@]}"
}

install_image() { # BUILD_DIRECTORY
	cp "$1/$boot" "$image.tmp"
	mv "$image.tmp" "$image"
}

seed() {
	[ -d "$dir" ] || [ ! -d "$build/$base/linux" ] || {
		mkdir -p "$build/$variant"
		remove_tree "$dir.tmp"
		cp -a "$build/$base/linux" "$dir.tmp"
		mv "$dir.tmp" "$dir"
	}
}

compile() {
	kmake "$dir" RUSTC="$rustc" "$image_target" modules
	install_image "$dir"
}

if [ "$variant" = "$ARCH" ] && [ -n "$KDIR" ]; then
	[ -f "$KDIR/$boot" ] || die "$KDIR holds no built $ARCH $image_target:" \
		"build it with make ARCH=$ARCH $image_target modules"
	mkdir -p "$out"
	check_config "$KDIR/.config" "${fragments[@]}" >&2 ||
		die "$KDIR was built with another configuration: set the above, or leave KDIR= out"
	unless_fresh "kernel-$variant" "$image" "$KDIR/$boot"
	install_image "$KDIR"
	done_fresh
	exit 0
fi

[ ! -e "$source/.config" ] ||
	die "$source was built in place: give it as KDIR=, or run make mrproper there"

inputs=("${fragments[@]}" "=$source" "$build/stamp/toolbox" "$build/stamp/source")
[ "$source" = "$ksrc" ] || inputs+=("$build/stamp/overlay")
[ "$rustc" = rustc ] || inputs+=("$rustc")
unless_fresh "kernel-$variant" "$image" "${inputs[@]}"
[ -z "$base" ] || seed
step "kernel-$variant-config" "$what: configure" configure
step "kernel-$variant" "$what: build" compile
done_fresh
