-- `:checkhealth fbuild`
local M = {}

--- Versions of the server that this plugin speaks with, up to the last dot.
local speaks_with = '0.1.'

local function check_server()
  local options, problems = require('fbuild.options').read()
  for _, problem in ipairs(problems) do
    vim.health.error(problem)
  end
  local binary = options.server
  if vim.fn.executable(binary) == 0 then
    return vim.health.error(('%s is not installed'):format(binary), {
      'cargo install --path server/lsp, in a clone of fbuild-lsp',
      "or say where it is: vim.g.fbuild = { server = '/path/to/fbuild-lsp' }, or $FBUILD_LSP_PATH",
    })
  end
  local ok, result = pcall(function()
    return vim.system({ binary, '--version' }, { text = true, timeout = 10000 }):wait()
  end)
  local version = ok and result.code == 0 and (result.stdout or ''):match('^fbuild%-lsp (%S+)')
  if not version then
    return vim.health.error(('%s is not fbuild-lsp'):format(binary))
  end
  local path = vim.fn.exepath(binary)
  if vim.startswith(version, speaks_with) then
    vim.health.ok(('fbuild-lsp %s: %s'):format(version, path))
  else
    local message = 'fbuild-lsp %s: %s; this plugin was made for %sx'
    vim.health.warn(message:format(version, path, speaks_with), { 'update both together' })
  end
  return binary
end

--- A file for which the server would run.
---@return string?
local function open_file()
  local wanted = vim.lsp.config[require('fbuild.server').name].filetypes
  local buffer = vim.iter(vim.api.nvim_list_bufs()):find(function(buffer)
    return vim.api.nvim_buf_is_loaded(buffer)
      and vim.list_contains(wanted, vim.bo[buffer].filetype)
      and require('fbuild.project').root_of_buffer(buffer) ~= nil
  end)
  return buffer and vim.api.nvim_buf_get_name(buffer)
end

--- Without its tags `:help fbuild` finds nothing, and only plugin managers make them.
local function check_help()
  if
    #vim.api.nvim_get_runtime_file('doc/tags', true) > 0
    and #vim.fn.getcompletion('fbuild-setup', 'help') == 0
  then
    vim.health.warn(':help fbuild is not found', { ':helptags ALL' })
  end
end

local function check_client()
  local server = require('fbuild.server')
  if not server.is_enabled() then
    vim.health.warn('not enabled: only the :Fbuild commands start the server', {
      "put vim.lsp.enable('fbuild_lsp') into init.lua",
    })
  end
  local clients = server.running()
  local open = #clients == 0 and open_file()
  if open then
    vim.health.warn('not running, although a file of a project is open: ' .. open, {
      'if the server is installed, :FbuildRestart starts it; :FbuildLog says how it ended',
    })
  elseif #clients == 0 then
    vim.health.info('not running: no file of a project is open')
  end
  for _, client in ipairs(clients) do
    vim.health.ok(('running in %s'):format(client.root_dir))
    local known = require('fbuild.state').of(client.id)
    local targets = known.targets
    if targets and #targets.targets == 0 then
      local hints = vim.tbl_map(function(unbuilt)
        return ('build %s: %s'):format(unbuilt.name, unbuilt.buildHint)
      end, targets.unbuilt)
      vim.health.warn('nothing to deploy there yet', hints)
    end
    for _, problem in ipairs(targets and targets.problems or {}) do
      vim.health.warn(problem.message, problem.remedy and { problem.remedy } or nil)
    end
  end
end

---@param binary string
local function check_ports(binary)
  local result = vim.system({ binary, 'ports', '--json' }, { text = true, timeout = 10000 }):wait()
  local ok, answer = pcall(vim.json.decode, result.stdout or '')
  if result.code ~= 0 or not ok then
    return vim.health.warn('the serial ports could not be listed: ' .. (result.stderr or ''))
  end
  local boards = 0
  for _, port in ipairs(answer.ports) do
    if port.likelyBoard then
      boards = boards + 1
      local is_file = vim.uv.fs_stat(port.name) ~= nil
      if is_file and not vim.uv.fs_access(port.name, 'RW') then
        vim.health.error('no permission to open ' .. port.name, {
          'sudo usermod -aG dialout $USER (on Arch Linux: uucp), then log in again',
        })
      else
        vim.health.ok('board: ' .. port.name)
      end
    end
  end
  if boards == 0 then
    vim.health.info('no board is plugged in; the simulated one is at port sim:')
  end
end

function M.check()
  vim.health.start('fbuild: server')
  local binary = check_server()
  vim.health.start('fbuild: projects')
  check_client()
  if binary then
    vim.health.start('fbuild: boards')
    check_ports(binary)
  end
end

return M
