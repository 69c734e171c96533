{
  "targets": [
    {
      "target_name": "spore",
      "sources": [
        "<!@(find addon resident staging elf tables kernels targets generated -name '*.cc' | sort)"
      ],
      "include_dirs": [
        "<!(node -p \"require('node-addon-api').include_dir\")",
        "include",
        "."
      ],
      "defines": ["NAPI_VERSION=9", "NODE_ADDON_API_DISABLE_DEPRECATED", "NODE_API_SWALLOW_UNTHROWABLE_EXCEPTIONS"],
      "cflags!": ["-fno-exceptions"],
      "cflags_cc!": ["-fno-exceptions", "-fno-rtti", "-std=gnu++17", "-std=gnu++20"],
      "cflags_cc": ["-std=c++20", "-O3", "-g1", "-Wall", "-Wextra", "-fvisibility=hidden", "-fno-plt"],
      "variables": { "werror%": "<!(node -p \"process.env.CI ? 1 : 0\")" },
      "conditions": [
        ["OS=='linux'", {
          "libraries": ["-lpthread"],
          # The C++ runtime is inside, and nobody else's business: the addon needs no more of a system than its glibc.
          # A sanitizer's build shares the runtime whose calls it intercepts.
          "ldflags": ["<!@(node -p \"process.env.SPORE_SHARED_RUNTIME ? '' : '-static-libstdc++ -static-libgcc -Wl,--exclude-libs,ALL,-Bsymbolic'\")"]
        }]
      ]
    }
  ]
}
