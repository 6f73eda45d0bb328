# SPDX-License-Identifier: GPL-2.0
#
# Entry points for people. The kernel's build system reads Kbuild instead.
# "make help" says what there is.

ARCH	?= arm64
TOOLBOX	?= chroot
export ARCH TOOLBOX KSRC KDIR JOBS LLVM DEBIAN_MIRROR BUSYBOX QEMU

.DEFAULT_GOAL := $(if $(KDIR),module,help)
.NOTPARALLEL:
.SUFFIXES:
MAKEFLAGS += --no-builtin-rules --no-print-directory

##@ The two commands
.PHONY: demo check
demo: initramfs ## watch a device's DMA go through two stages of translation, then a VM's
	@scripts/vm.sh --build
	@scripts/qemu.sh demo $(ARCH) demo
	@scripts/vm.sh

check: ## run the tests of both architectures; the last line is the count
	@scripts/check.sh

##@ Pieces, each with what it needs
.PHONY: image toolbox source kernel module selftests initramfs overlay
image: kernel module selftests ## build/ARCH/Image, iommu_nested.ko and selftests/

toolbox: ## the chroot with the toolchain (TOOLBOX=host: check the tools on PATH)
	@scripts/toolbox.sh

source: $(if $(KSRC)$(KDIR),,toolbox) ## the kernel source (KSRC=, KDIR=: check its version)
	@scripts/source.sh

kernel: toolbox source ## the kernel of the emulated machine
	@scripts/kernel.sh $(ARCH)

module: toolbox source $(if $(KDIR),,kernel) ## iommu_nested.ko, out of tree (the default with KDIR=)
	@scripts/module.sh

selftests: toolbox source ## the selftests and the demo program
	@scripts/selftests.sh

initramfs: image ## what the emulated machine boots into
	@scripts/initramfs.sh $(ARCH)

overlay: source ## put the driver in the source KSRC= (without: in a copy, build/src/overlay)
	@scripts/overlay.sh

##@ More tests, see scripts/check.sh
suites := $(shell scripts/check.sh --list)
.PHONY: check-all $(addprefix check-,$(suites)) kcsan vtd-in-use vtd-sanitizers
check-all: ## check, and the driver in the kernel's tree: under sanitizers, and built in
	@scripts/check.sh all

$(addprefix check-,$(suites)): check-%:
	@scripts/check.sh $(sort build $*)

kcsan: toolbox source ## data races of four processors on one SMMU (builds a kernel of its own)
	@scripts/check.sh kcsan

vtd-in-use: toolbox source ## a unit that the C driver of VT-d runs is left alone (kernel of make bench)
	@ARCH=arm64 scripts/check.sh vtd-in-use

vtd-sanitizers: toolbox source ## KASAN, lockdep and others on VT-d (builds a kernel of its own)
	@ARCH=arm64 scripts/check.sh vtd-sanitizers

##@ Other
.PHONY: bench vm shell tools-shell clean distclean help
vm: initramfs ## an unmodified QEMU's virtual machine whose disk uses nested translation
	@scripts/vm.sh

bench: toolbox source ## our driver against the C driver: instructions, throughput, goals
	@scripts/bench.sh

shell: initramfs ## a shell in the emulated machine, driver loaded
	@scripts/qemu.sh shell $(ARCH) shell

tools-shell: toolbox ## a shell in the toolbox
	@scripts/enter.sh bash -i

clean: ## remove what was built, but neither the toolbox nor the kernel source
	@scripts/clean.sh

distclean: ## remove all of build/
	@scripts/clean.sh all

help: ## this text
	@scripts/help.sh $(firstword $(MAKEFILE_LIST))
