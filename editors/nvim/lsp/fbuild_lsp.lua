-- Everything that Neovim needs to run the server: `vim.lsp.enable('fbuild_lsp')`.
local server = require('fbuild.server')
local notifications = require('fbuild.notifications')

---@type vim.lsp.Config
return {
  cmd = server.spawn,
  -- The files from which firmware is made, and those that decide how it is deployed.
  filetypes = { 'c', 'cpp', 'arduino', 'rust', 'dosini', 'csv', 'sdkconfig', 'json' },
  -- Neovim starts the server only where this calls back: inside a project.
  root_dir = function(buffer, on_dir)
    local name = vim.fs.basename(vim.api.nvim_buf_get_name(buffer))
    if vim.bo[buffer].filetype == 'json' and name ~= 'flasher_args.json' then
      return
    end
    local root = require('fbuild.project').root_of_buffer(buffer)
    if root and server.may_start() then
      on_dir(root)
    end
  end,
  init_options = { notifications = { 'status', 'ports', 'targets', 'monitor' }, clipboard = true },
  before_init = function(params, config)
    local options = params.initializationOptions or {}
    options.workspaceTrusted = require('fbuild.options').trusts(config.root_dir)
    params.initializationOptions = options
  end,
  on_init = server.on_init,
  on_exit = server.on_exit,
  handlers = notifications.handlers,
  -- What the server's code lenses and actions carry runs as the commands do, outcome and all.
  commands = require('fbuild.jobs').lens_commands,
}
