export { default } from '../../jest.faults.preset.js';
