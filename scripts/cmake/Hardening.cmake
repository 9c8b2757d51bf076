# What distributions compile network daemons with. Release only: _FORTIFY_SOURCE needs the optimiser,
# and the sanitizers bring their own checks.
function(harden_release)
  if(WIN32)
    target_compile_options(reverse_proxy_flags INTERFACE $<$<CONFIG:Release>:-fstack-protector-strong>)
    target_link_options(reverse_proxy_flags INTERFACE
      "$<$<CONFIG:Release>:LINKER:--dynamicbase;LINKER:--high-entropy-va;LINKER:--nxcompat>")
    return()
  endif()
  set(compile -fPIE -fstack-protector-strong -U_FORTIFY_SOURCE -D_FORTIFY_SOURCE=2)
  check_cxx_compiler_flag(-fcf-protection HAS_CF_PROTECTION)  # x86 only
  if(HAS_CF_PROTECTION)
    list(APPEND compile -fcf-protection)
  endif()
  target_compile_options(reverse_proxy_flags INTERFACE "$<$<CONFIG:Release>:${compile}>")
  target_link_options(reverse_proxy_flags INTERFACE
    "$<$<CONFIG:Release>:-pie;LINKER:-z,relro;LINKER:-z,now;LINKER:-z,noexecstack>")
endfunction()

if(NOT REVERSE_PROXY_SANITIZE)
  harden_release()
endif()
